import { Cluster, ReplyError } from 'ioredis';
import { expect, it } from 'vitest';
import { infrastructureFault } from './index.js';

const reply = (message: string): Error => new ReplyError(message);

it.each([
  ['MOVED 12784 127.0.0.1:7002', 'redis_unavailable'],
  ['ASK 12784 127.0.0.1:7002', 'redis_unavailable'],
  ['TRYAGAIN Multiple keys request during rehashing of slot', 'redis_unavailable'],
  ['CLUSTERDOWN The cluster is down', 'redis_unavailable'],
  ['MASTERDOWN Link with MASTER is down', 'redis_unavailable'],
  ['NOREPLICAS Not enough good replicas to write.', 'redis_unavailable'],
  ['LOADING Redis is loading the dataset in memory', 'redis_unavailable'],
  ['UNBLOCKED force unblock from blocking operation', 'redis_unavailable'],
  [
    'ERR Script attempted to access a non local key in a cluster node script: 1b, on @user_script:1.',
    'redis_unavailable',
  ],
  ["READONLY You can't write against a read only replica.", 'redis_readonly'],
  ["CROSSSLOT Keys in request don't hash to the same slot", 'redis_cluster_node'],
  ["NOPERM User x has no permissions to run the 'cluster|slots' command", 'redis_unauthorized'],
  ['ERR unknown command', undefined],
])('a reply has the code of its fault: %s', (message, code) => {
  expect(infrastructureFault(reply(message))?.code).toBe(code);
});

it.each([
  'Too many Cluster redirections. Last error: Error: MOVED 1 127.0.0.1:1',
  'All sentinels are unreachable and retry is disabled. Last error: Connection is closed.',
  'All sentinels are unreachable. Retrying from scratch after 10ms.',
  'Connection is closed.',
])('an error of the client has the code of its fault: %s', (message) => {
  expect(infrastructureFault(new Error(message))?.code).toBe('redis_unavailable');
});

it('an error of all nodes of a cluster has the code of the last one', async () => {
  const cluster = new Cluster([{ host: '127.0.0.1', port: 1 }], {
    clusterRetryStrategy: () => null,
    redisOptions: { connectTimeout: 1_000 },
  });
  const errors: unknown[] = [];
  cluster.on('error', (error) => errors.push(error));
  await expect(cluster.get('x')).rejects.toSatisfy(
    (error) => infrastructureFault(error)?.code === 'redis_unavailable',
  );
  const [failed] = errors as [Error];
  expect(failed.name).toBe('ClusterAllFailedError');
  expect(infrastructureFault(failed)?.code).toBe('redis_unavailable');
  Object.assign(failed, { lastNodeError: reply('NOAUTH Authentication required.') });
  expect(infrastructureFault(failed)?.code).toBe('redis_unauthorized');
});

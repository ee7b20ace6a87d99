import { type RedisTopology, startRedisCluster, startRedisSentinel } from '@slipway/local';
import { redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openProcess, type Process, useAll } from './process.js';

const keys = redisKeys('slipway');
const key = `${keys.base}count`;

/** Counts in Redis until it is stopped, and returns how many commands were answered. */
function counting({ patient }: Process) {
  let going = true;
  let answered = 0;
  const done = (async () => {
    while (going) {
      await patient.incr(key);
      answered++;
    }
    return answered;
  })();
  return async () => {
    going = false;
    return await done;
  };
}

describe('a cluster announces', () => {
  let cluster: RedisTopology;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster?.stop());

  it.each([
    ['names', 'hostname', '"localhost"'],
    ['no endpoint, which means the host that was asked', 'unknown-endpoint', '""'],
    ['addresses', 'ip', '""'],
  ])('%s', async (_what, kind, name) => {
    for (const { ask } of cluster.nodes) {
      await ask(
        `CONFIG SET cluster-announce-hostname ${name}`,
        `CONFIG SET cluster-preferred-endpoint-type ${kind}`,
      );
    }
    const [first] = cluster.nodes;
    // Each node knows the names of the others.
    if (kind === 'hostname')
      await expect.poll(() => first?.ask('CLUSTER SLOTS')).not.toMatch(/\r\n127\.0\.0\.1\r\n:/);
    await useAll(await openProcess({ url: `redis+cluster://localhost:${first?.port}` }));
  });
});

describe.each([
  { name: 'a cluster', start: () => startRedisCluster(), kept: 1 },
  // A busy process leaves the primary late, and loses the writes until then.
  { name: 'sentinels', start: () => startRedisSentinel(), kept: 0.6 },
])('the connections of a process to $name', ({ start, kept }) => {
  let topology: RedisTopology;
  beforeAll(async () => {
    topology = await start();
  });
  afterAll(() => topology?.stop());

  const promoted = async (former: string) =>
    await expect
      .poll(() =>
        topology.primaryOf(key).then(
          ({ name }) => name,
          () => former,
        ),
      )
      .not.toBe(former);
  const inSync = (name: string) => {
    const node = topology.nodes.find((each) => each.name === name);
    return expect
      .poll(() => node?.ask('INFO replication').catch(() => ''))
      .toContain('master_link_status:up');
  };

  it('lead to the primary', async () => {
    const process = await openProcess(topology);
    await useAll(process);
    expect(await (await topology.primaryOf(key)).ask(`GET ${keys.base}text`)).toMatch(/\$36/);
  });

  it('follow a planned change of the primary, and keep what was written', async () => {
    const process = await openProcess(topology);
    const before = Number(await process.patient.get(key));
    const stop = counting(process);
    const former = await topology.primaryOf(key);
    const blocked = process.copy.bzpopmin(`${keys.base}other`, 0);
    await topology.failover(key);
    await promoted(former.name);
    await inSync(former.name);
    await process.patient.zadd(`${keys.base}other`, 1, 'member');
    expect(await blocked).toEqual([`${keys.base}other`, 'member', '1']);
    await useAll(process);
    const answered = await stop();
    // A command in flight while the connection closes may run twice, and none may be missing.
    expect(Number(await process.patient.get(key)) - before).toBeGreaterThanOrEqual(kept * answered);
  });

  it('follow after the primary was killed', async () => {
    const process = await openProcess(topology);
    const former = await topology.primaryOf(key);
    former.kill('SIGKILL');
    await former.ended();
    await expect.poll(process.ready).toBe('redis_unavailable');
    await useAll(process);
    expect((await topology.primaryOf(key)).name).not.toBe(former.name);
    await former.start();
    await inSync(former.name);
  });

  it('leave a frozen primary, also when they wait for it', async () => {
    const process = await openProcess(topology);
    const former = await topology.primaryOf(key);
    const blocked = process.copy.bzpopmin(`${keys.base}frozen`, 0);
    former.kill('SIGSTOP');
    const waiting = process.patient.set(`${keys.base}waited`, '1');
    try {
      expect(await waiting).toBe('OK');
      await process.patient.zadd(`${keys.base}frozen`, 1, 'member');
      expect(await blocked).toEqual([`${keys.base}frozen`, 'member', '1']);
      await useAll(process);
    } finally {
      former.kill('SIGCONT');
    }
    await inSync(former.name);
    await useAll(process);
  });
});

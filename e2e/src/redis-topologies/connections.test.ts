import { randomUUID } from 'node:crypto';
import { type RedisTopology, startRedisCluster, startRedisSentinel } from '@slipway/local';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, primaryFinder, RedisGuard, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

const logger = createLogger({ name: 'test', level: 'silent' });
const keys = redisKeys('slipway');
const key = `${keys.base}count`;

/** Opens the connections of one process. */
async function openProcess({ url }: Pick<RedisTopology, 'url'>) {
  const cleanups = new Cleanups();
  onTestFinished(() => cleanups.run(logger));
  const finder = primaryFinder({ url, prefix: 'slipway', logger });
  const connect = (name: string, mode: 'request' | 'patient') =>
    connectRedis({ url, finder, name, logger, cleanups, mode });
  const [patient, subscriber] = [connect('patient', 'patient'), connect('subscriber', 'patient')];
  // As BullMQ does.
  const copy = patient.duplicate({ connectionName: 'copy' });
  copy.on('error', () => undefined);
  cleanups.defer('copy', () => copy.disconnect());
  const probe = connect('probe', 'request');
  const guard = new RedisGuard({ redis: probe, keys, processName: 'test', logger, finder });
  await guard.start();
  const stop = new AbortController();
  const running = guard.run(stop.signal);
  cleanups.defer('guard', async () => {
    stop.abort();
    await running;
  });
  const ready = () =>
    guard.ready().then(
      () => 'ready',
      (error) => error.code,
    );
  await expect.poll(ready).toBe('ready');
  return { patient, copy, subscriber, probe, guard, ready };
}

type Process = Awaited<ReturnType<typeof openProcess>>;

/** Uses each kind of connection, and fails if one of them does not follow the primary. */
async function useAll({ patient, copy, subscriber, probe, ready }: Process) {
  const queue = `${keys.base}queue`;
  const said = new Promise((resolve) => subscriber.once('message', (_channel, text) => resolve(text)));
  await subscriber.subscribe(`${keys.base}news`);
  const member = randomUUID();
  const blocked = copy.bzpopmin(queue, 0);
  await patient.zadd(queue, 1, member);
  expect(await blocked).toEqual([queue, member, '1']);
  await patient.publish(`${keys.base}news`, member);
  expect(await said).toBe(member);
  const results = await patient.multi().set(`${keys.base}text`, member).get(`${keys.base}text`).exec();
  expect(results).toEqual([
    [null, 'OK'],
    [null, member],
  ]);
  expect(await patient.eval("return redis.call('GET', KEYS[1])", 1, `${keys.base}text`)).toBe(member);
  await expect.poll(ready).toBe('ready');
  expect(await probe.get(`${keys.base}text`)).toBe(member);
}

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
  { name: 'a cluster', start: () => startRedisCluster() },
  { name: 'sentinels', start: () => startRedisSentinel() },
])('the connections of a process to $name', ({ start }) => {
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

  it('follow a planned change of the primary, and lose no command', async () => {
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
    expect(Number(await process.patient.get(key)) - before).toBeGreaterThanOrEqual(answered);
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

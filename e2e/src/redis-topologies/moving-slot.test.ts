import { type RedisNode, type RedisTopology, startRedisCluster } from '@slipway/local';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, primaryFinder, RedisGuard, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, expect, it } from 'vitest';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
const keys = redisKeys('slipway');
const slot = 12_784;
const names = Array.from({ length: 200 }, (_, number) => keys.job(`job_${number}`));

let cluster: RedisTopology;
beforeAll(async () => {
  cluster = await startRedisCluster();
});
afterAll(async () => {
  await cleanups.run(logger);
  await cluster?.stop();
});

const idOf = async (node: RedisNode) => /[0-9a-f]{40}/.exec(await node.ask('CLUSTER MYID'))?.[0];

/** Moves up to `count` keys of the slot. */
async function moveKeys(from: RedisNode, to: RedisNode, count: number) {
  const text = await from.ask(`CLUSTER GETKEYSINSLOT ${slot} ${count}`);
  const found = text.split('\r\n').filter((line) => line.startsWith('{'));
  if (found.length > 0) await from.ask(`MIGRATE 127.0.0.1 ${to.port} "" 0 5000 KEYS ${found.join(' ')}`);
  return found.length;
}

it('commands wait while the slot moves, and a script never runs where some of its keys are missing', async () => {
  const finder = primaryFinder({ url: cluster.url, prefix: 'slipway', logger });
  const connect = (name: string, mode: 'request' | 'patient') =>
    connectRedis({ ...{ url: cluster.url, finder, name, logger, cleanups }, mode });
  const [patient, probe] = [connect('patient', 'patient'), connect('probe', 'request')];
  const guard = new RedisGuard({ redis: probe, keys, processName: 'test', logger, finder });
  await guard.start();
  const ready = () =>
    guard.ready().then(
      () => 'ready',
      (error) => error.code,
    );
  expect(await ready()).toBe('ready');
  for (const name of names) await patient.hset(name, 'state', 'queued');

  // As all scripts do, it names the prefix only, and looks for keys by their names.
  const script = `
    local found = 0
    for number = 0, ${names.length - 1} do
      found = found + redis.call('EXISTS', KEYS[1] .. 'job:job_' .. number)
    end
    redis.call('INCR', KEYS[1] .. 'runs')
    return found`;
  const run = () => patient.eval(script, 1, keys.base);
  expect(await run()).toBe(names.length);

  const source = await cluster.primaryOf(keys.base);
  const target = (await cluster.primaryOf('{b}:x')) as RedisNode;
  expect(target.port).not.toBe(source.port);
  const [sourceId, targetId] = [await idOf(source), await idOf(target)];
  await target.ask(`CLUSTER SETSLOT ${slot} IMPORTING ${sourceId}`);
  await source.ask(`CLUSTER SETSLOT ${slot} MIGRATING ${targetId}`);
  await moveKeys(source, target, 100);

  let ended = 0;
  const waiting = [
    run(),
    patient.hget(names[0] as string, 'state'),
    patient.hset(keys.job('job_new'), 'state', 'queued'),
    ...names.map((name) => patient.hget(name, 'state')),
  ].map((each) => each.finally(() => ended++));
  // Keys that have not moved are read at once, so that the others are known to wait.
  await expect.poll(() => ended).toBeGreaterThan(50);
  await expect.poll(ready).toBe('redis_unavailable');
  expect(ended).toBeLessThan(waiting.length);
  expect(await source.ask(`GET ${keys.base}runs`).catch(String)).toMatch(/\r\n1\r\n|ASK/);

  while ((await moveKeys(source, target, 100)) > 0);
  for (const node of [target, source]) await node.ask(`CLUSTER SETSLOT ${slot} NODE ${targetId}`);
  const [found, state, created, ...states] = await Promise.all(waiting);
  expect([found, state, created]).toEqual([names.length, 'queued', 1]);
  expect(states).toEqual(names.map(() => 'queued'));
  expect(await patient.get(`${keys.base}runs`)).toBe('2');
  expect(await run()).toBe(names.length);
  await expect.poll(ready).toBe('ready');
  expect((await cluster.primaryOf(keys.base)).port).toBe(target.port);
});

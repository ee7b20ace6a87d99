import { randomUUID } from 'node:crypto';
import type { RedisTopology } from '@slipway/local';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, primaryFinder, type Redis, RedisGuard, redisKeys } from '@slipway/shared/redis';
import { expect, onTestFinished } from 'vitest';

const logger = createLogger({ name: 'test', level: 'silent' });
const keys = redisKeys('slipway');

/** The connections of one process to Redis. */
export interface Process {
  readonly patient: Redis;
  /** A duplicate of `patient`, as BullMQ makes it. */
  readonly copy: Redis;
  readonly subscriber: Redis;
  readonly probe: Redis;
  /** Returns `ready`, or the code of the fault. */
  ready(): Promise<string>;
}

/** Opens the connections of one process, for the current test. */
export async function openProcess({ url }: Pick<RedisTopology, 'url'>): Promise<Process> {
  const cleanups = new Cleanups();
  onTestFinished(() => cleanups.run(logger));
  const finder = primaryFinder({ url, prefix: 'slipway', logger });
  const connect = (name: string, mode: 'request' | 'patient') =>
    connectRedis({ url, finder, name, logger, cleanups, mode });
  const [patient, subscriber] = [connect('patient', 'patient'), connect('subscriber', 'patient')];
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
  return { patient, copy, subscriber, probe, ready };
}

/** Uses each kind of connection, and fails if one of them does not follow the primary. */
export async function useAll({ patient, copy, subscriber, probe, ready }: Process) {
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

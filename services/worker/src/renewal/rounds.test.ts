import { randomUUID } from 'node:crypto';
import { ReplicaRegistry, SlotLedger } from '@slipway/control-plane/replicas';
import { startRedis } from '@slipway/local';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, redisKeys } from '@slipway/shared/redis';
import { afterAll, expect, inject, it } from 'vitest';
import { type Change, Rounds } from './rounds.js';
import { monotonicMs, SharedNumber } from './shared-number.js';

const cleanups = new Cleanups();
const silent = createLogger({ name: 'test', level: 'silent' });
afterAll(() => cleanups.run(silent));

const url = 'http://replica:8081';
const lockDurationMs = 60_000;

/** Rounds that hold one slot, whose lease ends in ten seconds. */
async function rounds(redisUrl: string) {
  const keys = redisKeys(`rounds-${randomUUID()}`);
  const redis = connectRedis({ url: redisUrl, name: 'test', logger: silent, cleanups, mode: 'request' });
  await new ReplicaRegistry({ redis, keys }).announce([{ url, max: 1, pool: 'default', platforms: [] }]);
  const request = { id: 'lease', pool: 'default', preference: [url], suspect: false };
  await new SlotLedger({ redis, keys }).acquire([request], 10_000);
  const state = { beatAt: new SharedNumber(), renewedAt: new SharedNumber(), lateRounds: new SharedNumber() };
  state.beatAt.value = state.renewedAt.value = monotonicMs();
  const aliveUntil = new SharedNumber();
  aliveUntil.value = monotonicMs() + 10_000;
  const changes: Change[] = [
    {
      kind: 'lease',
      number: 1,
      lease: { id: 'lease', url, ttlMs: lockDurationMs, aliveUntil: aliveUntil.buffer },
    },
  ];
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const made = new Rounds({
    ...{ redis, state, lockDurationMs, base: keys.base },
    // Without locks no script for them runs.
    scripts: { locks: SlotLedger.renewal.bundle(), leases: SlotLedger.renewal.bundle() },
    nextChanges: () => (changes.length > 0 ? changes.splice(0) : undefined),
    logger: createLogger({ name: 'test', level: 'info', destination }),
  });
  const leftMs = () => aliveUntil.value - monotonicMs();
  return { renew: () => made.renew(), state, leftMs, lines };
}

it('renew nothing while the event loop is stuck for eight lock durations, and say so', async () => {
  const { renew, state, leftMs, lines } = await rounds(inject('redisUrl'));
  state.beatAt.value = monotonicMs() - 8.1 * lockDurationMs;
  await renew();
  await renew();
  expect(leftMs()).toBeLessThanOrEqual(10_000);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/"level":"error".*"slots":1.*the event loop is stuck/);
  state.beatAt.value = monotonicMs() - 7.9 * lockDurationMs;
  expect(await renew()).toBeLessThanOrEqual(lockDurationMs / 3);
  expect(leftMs()).toBeGreaterThan(10_000);
  expect(lines[1]).toContain('the event loop runs again');
});

it('count as late when more than two thirds of a lock duration have passed', async () => {
  const { renew, state } = await rounds(inject('redisUrl'));
  await renew();
  expect(state.lateRounds.value).toBe(0);
  state.renewedAt.value = monotonicMs() - 0.7 * lockDurationMs;
  await renew();
  expect(state.lateRounds.value).toBe(1);
});

it('leave the end of a lease as it is while Redis is away, and come again sooner', async () => {
  const server = await startRedis();
  const { renew, state, leftMs, lines } = await rounds(server.url);
  const { value } = state.renewedAt;
  await server.stop();
  expect(await renew()).toBe(lockDurationMs / 15);
  await renew();
  expect(leftMs()).toBeLessThanOrEqual(10_000);
  expect(state.renewedAt.value).toBe(value);
  expect(lines.filter((line) => line.includes('not renewed'))).toHaveLength(1);
});

import { randomUUID } from 'node:crypto';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis } from '@slipway/shared/redis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { SlotLedger } from './ledger.js';
import { fleetOf } from './testing.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
const connect = (name: string) =>
  connectRedis({ url: inject('redisUrl'), name, logger, cleanups, mode: 'request' });
let redis: Redis;
beforeAll(() => {
  redis = connect('test');
});
afterAll(() => cleanups.run(logger));

/** A replica `a` with two slots that are taken, and workers that wait for one; `gone` listens no more. */
async function waiting() {
  const { keys, acquire, ledger, fill } = await fleetOf(redis, { a: 2 });
  const woken: string[] = [];
  const subscriber = connect('subscriber');
  subscriber.on('message', (channel: string, url: string) => {
    woken.push(`${channel.slice(keys.freed('').length)} ${url}`);
  });
  await subscriber.subscribe(...['one', 'two', 'end'].map((worker) => keys.freed(worker)));
  const leases = await fill();
  const ledgers = new Map(
    ['gone', 'one', 'two'].map((worker) => [worker, new SlotLedger({ redis, keys, worker })]),
  );
  const ask = async (worker: string, pools: string[] = []) => {
    const request = { id: randomUUID(), pool: 'default', preference: [], suspect: false };
    return (await ledgers.get(worker)?.acquire([request], 60_000, pools))?.[0]?.lease;
  };
  /** Returns the messages so far: those of one channel arrive in the order in which they were sent. */
  const messages = async () => {
    await redis.publish(keys.freed('end'), '');
    await expect.poll(() => woken.at(-1)).toBe('end ');
    return woken.splice(0).slice(0, -1);
  };
  const [first, second] = leases;
  if (!first || !second) throw new Error('no leases');
  return { keys, acquire, ledger, ledgers, ask, messages, first, second };
}

describe('a free slot', () => {
  it('wakes the one worker that waits longest, and no other', async () => {
    const { ledger, ask, messages, first, second } = await waiting();
    for (const worker of ['gone', 'one', 'two', 'one']) expect(await ask(worker)).toBeUndefined();
    await ledger.free(first, 'ok');
    expect(await messages()).toEqual(['one a']);
    // It has more builds than slots, and waits again, behind the other.
    expect(await ask('one', ['default'])).toBeDefined();
    await ledger.free(second, 'ok');
    expect(await messages()).toEqual(['two a']);
  });

  it('wakes no worker when its replica has none, or when the worker that frees it takes it', async () => {
    const { ledger, ledgers, ask, messages, first, second } = await waiting();
    await ask('two');
    await ledger.free(first, 'ok', true);
    await ledger.free(second, 'broken');
    expect(await messages()).toEqual([]);
    await ledgers.get('one')?.wakeAnother('default', 'a');
    expect(await messages()).toEqual(['two a']);
    await ledgers.get('one')?.wakeAnother('default', 'a');
    expect(await messages()).toEqual([]);
  });
});

import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, inject, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { Cleanups } from '../lifecycle/index.js';
import { createLogger } from '../logger/index.js';
import { connectRedis, defineScript, redisKeys } from '../redis/index.js';
import { setVirtualTime, virtualClock } from './index.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
afterAll(() => cleanups.run(logger));

const connect = () =>
  connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });

/** Returns a function that runs a text as the body of a script at the time of the clock. */
function scriptsAt(startMs: number) {
  const clock = virtualClock(startMs);
  const redis = connect();
  setVirtualTime(redis, clock);
  const on = { redis, keys: redisKeys(`virtual-${randomUUID()}`) };
  const path = mkdtempSync(join(tmpdir(), 'slipway-lua-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  const run = async (body: string, items: string[] = []) => {
    const file = randomUUID();
    writeFileSync(
      join(path, `${file}.lua`),
      `--- @include "include/time"\nlocal items = args.items\n${body}`,
    );
    const folder = { url: pathToFileURL(`${path}/`) };
    const script = defineScript({ folder, file, args: z.object({ items: z.array(z.string()) }) });
    return await script.run(on, { items });
  };
  return { clock, run, redis, keys: on.keys };
}

const start = 1_700_000_000_123;

test('a script has the time of the clock, and its own arguments', async () => {
  const { clock, run, redis } = scriptsAt(start);
  const body = 'return { whole(now), time[2], #items, items[2] }';
  const items = ['a', 'b'];
  expect(await run(body, items)).toEqual([String(start), '123000', 2, 'b']);
  clock.set(start + 86_400_000);
  expect(await run(body, items)).toEqual([String(start + 86_400_000), '123000', 2, 'b']);
  expect(await redis.time()).toEqual([1_700_086_400, 123_000]);
  expect(() => clock.set(start)).toThrow(RangeError);
});

test('the connection of another process stays on the time of Redis', async () => {
  const { clock } = scriptsAt(start);
  clock.set(4_000_000_000_000);
  const [seconds] = await connect().time();
  expect(Number(seconds) * 1_000).toBeLessThan(4_000_000_000_000);
});

test('keys expire by the clock, and by nothing else', async () => {
  const { clock, run, redis, keys } = scriptsAt(start);
  const key = 'base .. "k"';
  const left = `return redis.call('PTTL', ${key})`;
  expect(await run(left)).toBe(-2);
  await run(`redis.call('SET', ${key}, '1')`);
  expect(await run(left)).toBe(-1);
  await run(`redis.call('PEXPIRE', ${key}, 1)`);
  expect(await run(`return redis.call('PEXPIRE', ${key}, 5, 'NX')`)).toBe(0);
  expect(await run(left)).toBe(1);
  // Redis itself has no end for the key.
  expect(await redis.pttl(`${keys.base}k`)).toBe(-1);
  clock.set(start + 1);
  expect(await run(left)).toBe(-2);
});

test('a new value of a key has no end of its former value', async () => {
  const { clock, run } = scriptsAt(start);
  const left = "return redis.call('PTTL', base .. 'a')";
  await run("redis.call('SET', base .. 'a', '1', 'NX', 'EX', 1)");
  expect(await run(left)).toBe(1_000);
  await run("redis.call('SET', base .. 'a', '2', 'KEEPTTL')");
  expect(await run(left)).toBe(1_000);
  await run("redis.call('SET', base .. 'a', '3')");
  await run("redis.call('SET', base .. 'b', '1', 'PX', 20)");
  await run("redis.call('DEL', base .. 'b') redis.call('HSET', base .. 'b', 'c', 1)");
  clock.set(start + 5_000);
  const both = "return { redis.call('GET', base .. 'a'), redis.call('EXISTS', base .. 'b') }";
  expect(await run(both)).toEqual(['3', 1]);
});

test('a key without time left ends at once', async () => {
  const { run } = scriptsAt(start);
  await run("redis.call('SET', base .. 'k', '1') redis.call('PEXPIRE', base .. 'k', 0)");
  expect(await run("return redis.call('EXISTS', base .. 'k')")).toBe(0);
});

test('a script with a command that virtual time cannot replace is refused', async () => {
  const { run } = scriptsAt(start);
  await expect(run("redis.call('PEXPIREAT', base .. 'k', 1)")).rejects.toThrow('does not know PEXPIREAT');
  await expect(run("local name = 'TIME' return redis.call(name)")).rejects.toThrow('name of each command');
});

test('a script runs beside itself, and again after Redis has lost it', async () => {
  const { run, redis } = scriptsAt(start);
  const body = "return redis.call('INCR', base .. 'k')";
  expect(await Promise.all([run(body), run(body), run(body)])).toEqual([1, 2, 3]);
  await redis.script('FLUSH');
  expect(await Promise.all([run(body), run(body)])).toEqual([4, 5]);
});

import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { Cleanups } from '../lifecycle/index.js';
import { createLogger } from '../logger/index.js';
import { connectRedis, type Redis, redisKeys } from './index.js';
import { defineScript, type LuaFolder } from './script.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

function folderOf(files: Readonly<Record<string, string>>): LuaFolder {
  const path = mkdtempSync(join(tmpdir(), 'slipway-lua-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return { url: pathToFileURL(`${path}/`), constants: { answer: 42 } };
}

const all = z.object({
  name: z.string(),
  reason: z.string().optional(),
  count: z.number(),
  limit: z.int().optional(),
  loud: z.boolean(),
  first: z.array(z.string()),
  second: z.array(z.string()),
});

describe('a script', () => {
  const on = () => ({ redis, keys: redisKeys(randomUUID()) });

  test('has its arguments by name and type', async () => {
    const body = `return { args.name, args.reason or 'none', type(args.reason), args.count + 1, type(args.limit),
      args.loud and 'loud' or 'quiet', #args.first, args.second[1] or 'none', #args.second }`;
    const script = defineScript({ folder: folderOf({ 'a.lua': body }), file: 'a', args: all });
    expect(
      await script.run(on(), { name: 'n', count: 2, loud: true, first: ['x', 'y'], second: ['', 'é\0'] }),
    ).toEqual(['n', 'none', 'nil', 3, 'nil', 'loud', 2, '', 2]);
    const rest = { count: -1, limit: 0, loud: false, first: [], second: [] };
    expect(await script.run(on(), { name: '', reason: 'r', ...rest })).toEqual([
      ...['', 'r', 'string', 0, 'number', 'quiet', 0, 'none', 0],
    ]);
  });

  test('has its keys and constants by name', async () => {
    const body =
      "return { keys.events, keys.functionRecord('t', 'n'), keys.laneParked('l'), constants.answer }";
    const script = defineScript({ folder: folderOf({ 'a.lua': body }), file: 'a', args: z.object({}) });
    const to = on();
    expect(await script.run(to, {})).toEqual([
      ...[to.keys.events, to.keys.functionRecord('t', 'n'), to.keys.laneParked('l'), 42],
    ]);
  });

  test('has each include once, in the order of first use', async () => {
    const folder = folderOf({
      'a.lua': '--- @include "include/b"\n--- @include "include/c"\nreturn { b(), c() }',
      'include/b.lua': '--- @include "include/c"\nlocal function b() return c() + 1 end',
      'include/c.lua': 'local calls = 0\nlocal function c() calls = calls + 1 return calls end',
    });
    const script = defineScript({ folder, file: 'a', args: z.object({}) });
    expect(await script.run(on(), {})).toEqual([2, 2]);
  });

  test('is sent again to a Redis that lost it', async () => {
    const script = defineScript({ folder: folderOf({ 'a.lua': 'return 7' }), file: 'a', args: z.object({}) });
    expect(await script.run(on(), {})).toBe(7);
    await redis.script('FLUSH');
    expect(await script.run(on(), {})).toBe(7);
  });

  test.each([
    ['an unknown argument', 'return args.other', /a\.lua has no argument other/],
    ['an unknown key', 'return { args.id, keys.nothing }', /there is no key nothing/],
    ['an unknown constant', 'return { args.id, constants.none }', /constant none/],
    ['an unknown include', '--- @include "b"\nreturn args.id', /b\.lua is in none of/],
    ['no argument of its schema', 'return 1', /a\.lua does not use id/],
  ])('is refused when it names %s', async (_what, body, message) => {
    const folder = folderOf({ 'a.lua': body });
    const script = defineScript({ folder, file: 'a', args: z.object({ id: z.string() }) });
    await expect(script.run(on(), { id: 'x' })).rejects.toThrow(message);
  });

  test.each([
    ['the cause of an error', (reply: Error) => new Error('no node took the command', { cause: reply })],
    [
      'the last error of a cluster',
      (reply: Error) => Object.assign(new Error('Failed to refresh slots cache.'), { lastNodeError: reply }),
    ],
    [
      'an error of a transaction',
      (reply: Error) => Object.assign(new Error('EXECABORT'), { previousErrors: [reply] }),
    ],
  ])('is sent again if NOSCRIPT is %s', async (_where, wrapped) => {
    const folder = folderOf({ 'a.lua': `return args.id .. '${randomUUID()}'` });
    const script = defineScript({ folder, file: 'a', args: z.object({ id: z.string() }) });
    const redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
    const evalsha = redis.evalsha.bind(redis) as (...args: unknown[]) => Promise<unknown>;
    Object.assign(redis, {
      evalsha: (...args: unknown[]) =>
        evalsha(...args).catch((reply) => {
          throw wrapped(reply);
        }),
    });
    expect(await script.run({ redis, keys: redisKeys('x') }, { id: 'it' })).toMatch(/^it/);
  });

  test('is not sent with invalid arguments', async () => {
    const folder = folderOf({ 'a.lua': 'return args.limit' });
    const script = defineScript({ folder, file: 'a', args: z.object({ limit: z.int() }) });
    await expect(script.run(on(), { limit: 1.5 })).rejects.toThrow(z.ZodError);
  });
});

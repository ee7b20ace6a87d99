import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@slipway/local';
import { afterEach, expect, test } from 'vitest';
import { dockerfile, makeContext } from '../context.js';
import type { RunningProgram } from '../program.js';
import { processesWith, slipway, startCommand } from './command.js';

interface Ready {
  readonly url: string;
  readonly registry: string;
  readonly token_file: string;
  readonly parts: readonly { readonly name: string; readonly pid: number }[];
}

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

/** Returns a new data folder, and a mark in the environment of every process started with it. */
async function installation() {
  const folder = await temporaryFolder();
  cleanUp.push(() => folder.remove());
  const id = randomUUID();
  const data = join(folder.path, 'data');
  const env = { SLIPWAY_DATA: data, SLIPWAY_E2E_UP: id, SLIPWAY_URL: '', SLIPWAY_TOKEN: '' };
  return { env, data, mark: `SLIPWAY_E2E_UP=${id}` };
}

async function up(env: Record<string, string>): Promise<RunningProgram & { ready: Ready }> {
  const command = startCommand(['up', '--json', '--builders', '1', '--workers', '1'], env);
  cleanUp.push(async () => {
    command.kill('SIGTERM');
    await command.ended;
  });
  await command.said(/^\{.*\}\n/m);
  return { ...command, ready: JSON.parse(command.out()) as Ready };
}

test('up runs until Ctrl-C, is found by the other commands, keeps its data, and leaves no process', async () => {
  const { env, mark, data } = await installation();
  const first = await up(env);
  const { url, registry, parts, token_file } = first.ready;
  expect(parts.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['redis', 'registry', 'builder 1', 'api', 'worker 1']),
  );
  expect(statSync(token_file).mode & 0o777).toBe(0o600);
  const token = readFileSync(token_file, 'utf8').trim();
  expect(first.out() + first.err()).not.toContain(token);

  const context = makeContext({ Dockerfile: dockerfile() });
  const built = await slipway(['build', context, '--image', `${registry}/kept:1`], env);
  expect(built).toMatchObject({ exit: 0, out: expect.stringMatching(/@sha256:[0-9a-f]{64}\n$/) });

  const localhost = registry.replace('127.0.0.1', 'localhost');
  const named = await slipway(['build', context, '--image', `${localhost}/named:1`], env);
  expect(named).toMatchObject({
    exit: 0,
    out: expect.stringMatching(/^localhost:\d+\/named:1@sha256:[0-9a-f]{64}\n$/),
  });
  expect((await fetch(`http://${registry}/v2/named/tags/list`)).status).toBe(200);

  const second = await slipway(['up'], env);
  expect(second.exit).toBe(1);
  expect(second.err).toContain(`(process ${first.pid}) already uses ${data}, at ${url}`);

  first.kill('SIGINT');
  expect(await first.ended).toMatchObject({ exit: 0 });
  expect(processesWith(mark)).toEqual([]);
  expect(existsSync(join(data, 'up.json'))).toBe(false);
  expect(await slipway(['status'], env)).toMatchObject({
    exit: 2,
    err: expect.stringContaining('no `slipway up` runs'),
  });

  const again = await up(env);
  expect(again.ready).toMatchObject({ url, registry });
  expect(readFileSync(again.ready.token_file, 'utf8').trim()).toBe(token);
  expect((await slipway(['status'], env)).out).toContain(`${registry}/kept:1`);
  expect((await fetch(`http://${registry}/v2/kept/tags/list`)).status).toBe(200);
});

test('up reports which process died, stops the rest and exits with 1', async () => {
  const { env, mark } = await installation();
  const command = await up(env);
  const worker = command.ready.parts.find(({ name }) => name === 'worker 1');
  process.kill(worker?.pid ?? 0, 'SIGKILL');
  const { exit, err } = await command.ended;
  expect(exit).toBe(1);
  expect(err).toMatch(
    new RegExp(
      `^error: worker 1 \\(process ${worker?.pid}\\) ended with SIGKILL. Its last lines:\n {2}\\{`,
      'm',
    ),
  );
  expect(processesWith(mark)).toEqual([]);
});

test('up stops the processes that a killed up left behind', async () => {
  const { env, mark } = await installation();
  const killed = await up(env);
  killed.kill('SIGKILL');
  await killed.ended;
  expect(processesWith(mark).length).toBeGreaterThan(0);
  const next = await up(env);
  expect(next.err()).toContain('Stopped redis (process');
  const pids = next.ready.parts.map(({ pid }) => pid);
  for (const { pid } of killed.ready.parts) expect(pids).not.toContain(pid);
  next.kill('SIGTERM');
  expect((await next.ended).exit).toBe(0);
  expect(processesWith(mark)).toEqual([]);
});

test('up that is stopped before it is ready leaves nothing', async () => {
  const { env, mark, data } = await installation();
  const command = startCommand(['up'], env);
  await command.said('started redis');
  command.kill('SIGINT');
  expect((await command.ended).exit).toBe(0);
  expect(processesWith(mark)).toEqual([]);
  expect(existsSync(join(data, 'up.json'))).toBe(false);
});

test('up reports which port is in use', async () => {
  const { env, mark } = await installation();
  const first = await up(env);
  const { port } = new URL(first.ready.url);
  const other = await slipway(['up', '--data', `${env.SLIPWAY_DATA}-2`, '--port', port], env);
  expect(other.exit).toBe(1);
  expect(other.err).toContain(`port ${port} of 127.0.0.1 is in use`);
  first.kill('SIGINT');
  await first.ended;
  expect(processesWith(mark)).toEqual([]);
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@slipway/local';
import { afterEach, describe, expect, test } from 'vitest';
import { stopLeftovers } from './leftovers.js';
import { identify, isRunning, type ProcessIdentity } from './process-identity.js';
import { claimFolder, readRunState } from './run-file.js';

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0)) await step();
});

async function newFolder() {
  const folder = await temporaryFolder();
  cleanUp.push(() => folder.remove());
  return folder.path;
}

/** Starts a process that leads its own group, as the parts do. */
async function sleeper(script = 'exec sleep 600') {
  const child = spawn('/bin/sh', ['-c', `echo up; ${script}`], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(child.stdout, 'data');
  const pid = child.pid ?? 0;
  const exited = once(child, 'exit');
  cleanUp.push(() => child.exitCode === null && child.signalCode === null && process.kill(-pid, 'SIGKILL'));
  return {
    identity: (await identify(pid)) as ProcessIdentity,
    exited,
    kill: () => process.kill(-pid, 'SIGKILL'),
  };
}

const stale = (identity: ProcessIdentity): ProcessIdentity => ({ ...identity, started: 'at another time' });
const write = (folder: string, state: object) =>
  writeFileSync(join(folder, 'up.json'), JSON.stringify(state));

describe('a process', () => {
  test('is identified by its start time, not only by its id', async () => {
    const { identity, exited, kill } = await sleeper();
    expect(await isRunning(identity)).toBe(true);
    expect(await isRunning(stale(identity))).toBe(false);
    kill();
    await exited;
    expect(await isRunning(identity)).toBe(false);
    expect(await identify(identity.pid)).toBeUndefined();
  });
});

describe('a data folder', () => {
  test('is claimed by one process at a time', async () => {
    const folder = await newFolder();
    const first = await claimFolder(folder);
    expect(first).toMatchObject({ kind: 'ours', leftBehind: undefined });
    expect(await claimFolder(folder)).toMatchObject({ kind: 'taken', by: { up: { pid: process.pid } } });
    if (first.kind === 'ours') await first.file.remove();
    expect(await claimFolder(folder)).toMatchObject({ kind: 'ours' });
  });

  test('is claimed by one of many concurrent processes, also after a killed run', async () => {
    const folder = await newFolder();
    const self = (await identify(process.pid)) as ProcessIdentity;
    write(folder, { up: stale(self), parts: [] });
    const claims = await Promise.all(Array.from({ length: 8 }, () => claimFolder(folder)));
    expect(claims.filter(({ kind }) => kind === 'ours')).toHaveLength(1);
  });

  test('reports the processes that a killed run left behind', async () => {
    const folder = await newFolder();
    const { identity } = await sleeper();
    const leftBehind = { up: stale(identity), parts: [{ ...identity, name: 'redis' }] };
    write(folder, leftBehind);
    expect(await claimFolder(folder)).toMatchObject({ kind: 'ours', leftBehind });
  });

  test('is free when its file was cut short', async () => {
    const folder = await newFolder();
    writeFileSync(join(folder, 'up.json'), '{"up":{"pi');
    expect(await readRunState(folder)).toBeUndefined();
    expect(await claimFolder(folder)).toMatchObject({ kind: 'ours' });
  });

  test('shows the running processes only to its owner', async () => {
    const folder = await newFolder();
    const claim = await claimFolder(folder);
    if (claim.kind !== 'ours') throw new Error('the folder was free');
    const { identity } = await sleeper();
    await Promise.all([
      claim.file.addPart({ name: 'redis', pid: identity.pid }),
      claim.file.addPart({ name: 'gone', pid: 2 ** 22 + 1 }),
    ]);
    const ready = { url: 'http://127.0.0.1:1', token_file: '/t', registry: '127.0.0.1:2' };
    await claim.file.setReady(ready);
    expect(await readRunState(folder)).toEqual({
      up: await identify(process.pid),
      parts: [{ ...identity, name: 'redis' }],
      ready,
    });
    expect(statSync(join(folder, 'up.json')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(folder, 'up.json'), 'utf8')).not.toContain('token"');
  });
});

describe('a leftover process', () => {
  test('is stopped with its group, also when it ignores SIGTERM; other processes are not', async () => {
    const gentle = await sleeper();
    const stubborn = await sleeper("trap '' TERM; sleep 600; sleep 600");
    const other = await sleeper();
    const parts = [gentle.identity, stubborn.identity, stale(other.identity)];
    const stopped = await stopLeftovers(parts, { graceMs: 100 });
    expect(new Set(stopped)).toEqual(new Set([gentle.identity, stubborn.identity]));
    await Promise.all([gentle.exited, stubborn.exited]);
    expect(await isRunning(other.identity)).toBe(true);
    expect(await stopLeftovers(parts)).toEqual([]);
  });
});

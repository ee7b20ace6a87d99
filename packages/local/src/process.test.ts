import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { httpAnswers } from './probe.js';
import { type ProcessHandle, startProcess } from './process.js';
import { temporaryFolder } from './temporary-folder.js';

const started: ProcessHandle[] = [];
afterEach(() => Promise.all(started.splice(0).map((handle) => handle.stop())));

async function shell(script: string, options: Partial<Parameters<typeof startProcess>[0]> = {}) {
  const handle = await startProcess({ name: 'shell', command: '/bin/sh', args: ['-c', script], ...options });
  started.push(handle);
  return handle;
}

/** Returns true while the process runs. A zombie (ended, not yet reaped by its parent) does not count. */
function isAlive(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.trim() !== '' && !stdout.startsWith('Z');
}

test('hands over each line, and appends it to the log file', async () => {
  const folder = await temporaryFolder();
  const logFile = join(folder.path, 'log');
  const lines: string[] = [];
  const handle = await shell('echo one; echo two >&2', { logFile, onLine: (line) => lines.push(line) });
  expect(await handle.exited).toEqual({ code: 0, signal: null });
  await expect
    .poll(async () => (await readFile(logFile, 'utf8')).split('\n').sort())
    .toEqual(['', 'one', 'two']);
  expect(lines.sort()).toEqual(['one', 'two']);
  await folder.remove();
});

test('says what the process printed when it ends before it is ready', async () => {
  const attempt = shell('echo no such disk >&2; exit 3', { ready: async () => false });
  await expect(attempt).rejects.toThrow(/shell ended with code 3 before it was ready:\n {2}no such disk/);
});

test('leaves nothing running when the process does not get ready in time', async () => {
  let pid = 0;
  const attempt = shell('echo $$; exec sleep 600', {
    onLine: (line) => {
      pid = Number(line);
    },
    ready: async () => false,
    readyTimeoutMs: 200,
  });
  await expect(attempt).rejects.toThrow('shell was not ready within 200 ms');
  expect(pid).toBeGreaterThan(0);
  expect(isAlive(pid)).toBe(false);
});

test('says why a process could not be asked whether it is ready', async () => {
  const attempt = shell('exec sleep 600', {
    ready: () => httpAnswers('http://127.0.0.1:10080/', [200]),
    readyTimeoutMs: 200,
  });
  await expect(attempt).rejects.toThrow('shell was not ready within 200 ms (bad port):');
});

test('names the program that cannot be started', async () => {
  await expect(startProcess({ name: 'ghost', command: '/no/such/program' })).rejects.toThrow(
    'ghost cannot be started',
  );
});

test('stopping kills the whole group of a process that ignores SIGTERM, and can be repeated', async () => {
  const pids: number[] = [];
  const handle = await shell("trap '' TERM; sleep 600 & echo $!; wait; wait; sleep 600", {
    onLine: (line) => pids.push(Number(line)),
  });
  await expect.poll(() => pids).toHaveLength(1);
  await Promise.all([handle.stop({ graceMs: 100 }), handle.stop()]);
  await handle.stop();
  expect(await handle.exited).toEqual({ code: null, signal: 'SIGKILL' });
  await expect.poll(() => pids.filter(isAlive)).toEqual([]);
});

test('a process that heeds SIGTERM ends in its own way', async () => {
  const lines: string[] = [];
  const handle = await shell("trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done", {
    onLine: (line) => lines.push(line),
  });
  await expect.poll(() => lines).toEqual(['up']);
  await handle.stop();
  expect(await handle.exited).toEqual({ code: 7, signal: null });
});

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s to a program that exits on signals leaves no process and no folder',
  async (signal) => {
    const program = `
    import { exitOnSignals, startProcess, temporaryFolder } from '@slipway/local';
    exitOnSignals();
    const { path } = await temporaryFolder();
    const { pid } = await startProcess({ name: 'child', command: 'sleep', args: ['600'] });
    console.log(path + ' ' + pid);
    setInterval(() => {}, 1_000);`;
    const lines: string[] = [];
    const handle = await startProcess({
      name: 'program',
      command: process.execPath,
      args: ['--input-type=module', '--eval', program],
      cwd: import.meta.dirname,
      onLine: (line) => lines.push(line),
    });
    started.push(handle);
    await expect.poll(() => lines, { timeout: 20_000 }).toHaveLength(1);
    const [path = '', pid] = lines[0]?.split(' ') ?? [];
    handle.kill(signal);
    await handle.exited;
    expect(existsSync(path)).toBe(false);
    await expect.poll(() => isAlive(Number(pid))).toBe(false);
  },
);

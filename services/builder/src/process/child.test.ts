import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { runChild } from './child.js';

const env = { PATH: process.env.PATH };

function shell(script: string, options: { signal?: AbortSignal; onStdout?: (text: string) => void } = {}) {
  return runChild({
    command: 'sh',
    args: ['-c', script],
    env,
    signal: options.signal ?? new AbortController().signal,
    killGraceMs: 100,
    onStdout: (chunk) => options.onStdout?.(chunk.toString()),
  });
}

/** Returns true while a process runs. An ended process that is not reaped yet does not run. */
function runs(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

test('says how a program ended, and hands over all it printed', async () => {
  let output = '';
  const exit = await shell('echo one; sleep 0.05; echo two; exit 3', {
    onStdout: (text) => (output += text),
  });
  expect(exit).toEqual({ code: 3, signal: null });
  expect(output).toBe('one\ntwo\n');
});

test('a program that is missing is an error', async () => {
  const signal = new AbortController().signal;
  const run = runChild({ command: '/no/such', args: [], env, signal, killGraceMs: 1 });
  await expect(run).rejects.toThrow('ENOENT');
});

test('passes on no environment but the given one', async () => {
  let output = '';
  await shell('env', { onStdout: (text) => (output += text) });
  expect(output).not.toContain('HOME=');
});

test('an aborted program, and all of its group, is gone when its run settles, with the reason', async () => {
  const stop = new AbortController();
  const pids: number[] = [];
  const script =
    "trap '' TERM; sh -c \"trap '' TERM; echo \\$\\$; sleep 600; sleep 600\" & echo $$; wait; sleep 600";
  const run = shell(script, {
    signal: stop.signal,
    onStdout: (text) => pids.push(...text.trim().split('\n').map(Number)),
  });
  await expect.poll(() => pids).toHaveLength(2);
  const reason = new Error('that is enough');
  stop.abort(reason);
  await expect(run).rejects.toBe(reason);
  await expect.poll(() => pids.filter(runs)).toEqual([]);
});

test('what a program leaves running in its group ends with it', async () => {
  const pids: number[] = [];
  await shell('sleep 600 & echo $!', { onStdout: (text) => pids.push(Number(text)) });
  expect(pids).toHaveLength(1);
  await expect.poll(() => pids.filter(runs)).toEqual([]);
});

test('a signal that is aborted already starts nothing', async () => {
  const run = shell('exit 0', { signal: AbortSignal.abort(new Error('too late')) });
  await expect(run).rejects.toThrow('too late');
});

test('children do not outlive a process that exits', async () => {
  const before = process.listeners('exit');
  const runs = [shell('exec sleep 600'), shell('exec sleep 600')];
  const added = process.listeners('exit').filter((listener) => !before.includes(listener));
  expect(added).toHaveLength(1);
  for (const listener of added) listener.call(process, 0);
  expect(await Promise.all(runs)).toEqual(runs.map(() => ({ code: null, signal: 'SIGKILL' })));
  expect(process.listeners('exit')).toEqual(before);
});

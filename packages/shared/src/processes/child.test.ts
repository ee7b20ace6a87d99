import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type ChildOptions, exitText, runChild, runForOutput, startChild } from './child.js';

const env = { PATH: process.env.PATH };

const shell = (script: string, options: Partial<ChildOptions> = {}) => ({
  ...{ command: 'sh', args: ['-c', script], env, killGraceMs: 100 },
  ...options,
});

/** Returns true while a process runs. An ended process that is not reaped yet does not run. */
function runs(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** Collects the process ids that a program prints, one per line. */
function pidsFrom() {
  const pids: number[] = [];
  return { pids, onStdout: (chunk: Buffer) => pids.push(...chunk.toString().trim().split('\n').map(Number)) };
}

test('returns how a program ended, and hands over all its output', async () => {
  let output = '';
  const onStdout = (chunk: Buffer) => (output += chunk);
  const exit = await runChild(shell('echo one; sleep 0.05; echo two; exit 3', { onStdout }));
  expect(exit).toEqual({ code: 3, signal: null });
  expect(exitText(exit)).toBe('code 3');
  expect(output).toBe('one\ntwo\n');
});

test('a program that is missing is an error', async () => {
  await expect(runChild({ command: '/no/such', env, killGraceMs: 1 })).rejects.toThrow('ENOENT');
});

test('passes on no environment but the given one', async () => {
  const { stdout } = await runForOutput({ ...shell('env'), maxOutputBytes: 10_000 });
  expect(stdout.toString()).not.toContain('HOME=');
});

test('writes the input, also to a program that does not read it', async () => {
  const { stdout } = await runForOutput({ ...shell('cat', { input: 'text' }), maxOutputBytes: 100 });
  expect(stdout.toString()).toBe('text');
  const input = 'x'.repeat(10_000_000);
  expect(await runChild(shell('exec 0<&-; exit 5', { input }))).toMatchObject({ code: 5 });
});

test('bounds the memory of a program and of its children', async () => {
  const memoryBytes = 256 * 1024 * 1024;
  const { stdout } = await runForOutput({
    ...shell("sh -c 'ulimit -v'", { memoryBytes }),
    maxOutputBytes: 100,
  });
  expect(stdout.toString()).toBe(`${memoryBytes / 1024}\n`);
});

test('keeps the start of an output without end, and reads the rest', async () => {
  const flood = 'yes | head -c 20000000; yes error | head -c 20000000 >&2; exit 2';
  const { code, stdout, stderr } = await runForOutput({ ...shell(flood), maxOutputBytes: 1001 });
  expect(code).toBe(2);
  expect(stdout.toString()).toBe(`${'y\n'.repeat(500)}y`);
  expect(stderr).toHaveLength(1001);
});

test('a caller that reads slowly gets all of the output', async () => {
  const child = startChild(shell('head -c 100000 /dev/zero', { readsStdout: true, outputWaitMs: 0 }));
  let size = 0;
  for await (const chunk of child.stdout) {
    size += (chunk as Buffer).length;
    // The pipe holds the rest of the output, so the program ends before its reader.
    await child.exited;
    await runChild(shell('exit 0'));
  }
  expect(size).toBe(100_000);
  expect(await child.ended).toEqual({ code: 0, signal: null });
});

describe('an aborted program', () => {
  test('gets SIGTERM, and may end in its own way', async () => {
    const stop = new AbortController();
    let output = '';
    const script = "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.01; done";
    const onStdout = (chunk: Buffer) => (output += chunk);
    const run = runChild(shell(script, { signal: stop.signal, killGraceMs: 60_000, onStdout }));
    await expect.poll(() => output).toBe('up\n');
    stop.abort(new Error('enough'));
    await expect(run).rejects.toThrow('enough');
    expect(output).toBe('up\nbye\n');
  });

  test.each([100, 0])(
    'is gone with all of its group when its run settles, after %s ms',
    async (killGraceMs) => {
      const stop = new AbortController();
      const { pids, onStdout } = pidsFrom();
      const script =
        "trap '' TERM; sh -c \"trap '' TERM; echo \\$\\$; sleep 600; sleep 600\" & echo $$; wait; sleep 600";
      const run = runChild(shell(script, { signal: stop.signal, killGraceMs, onStdout }));
      await expect.poll(() => pids).toHaveLength(2);
      const reason = new Error('that is enough');
      stop.abort(reason);
      await expect(run).rejects.toBe(reason);
      await expect.poll(() => pids.filter(runs)).toEqual([]);
    },
  );

  test('ends though its output is not read, and the reader gets the reason', async () => {
    const reason = new Error('too slow');
    const stop = new AbortController();
    const child = startChild(
      shell('cat /dev/zero', { signal: stop.signal, killGraceMs: 0, readsStdout: true, outputWaitMs: 0 }),
    );
    const reading = (async () => {
      for await (const _chunk of child.stdout) {
        stop.abort(reason);
        await child.ended.catch(() => undefined);
      }
    })();
    await expect(reading).rejects.toBe(reason);
    await expect(child.ended).rejects.toBe(reason);
  });

  test('does not start when the signal is aborted already', () => {
    const signal = AbortSignal.abort(new Error('too late'));
    expect(() => startChild(shell('exit 0', { signal }))).toThrow('too late');
  });
});

describe('what a program leaves behind', () => {
  test('in its group ends with it', async () => {
    const { pids, onStdout } = pidsFrom();
    await runChild(shell('sleep 600 & echo $!', { onStdout }));
    expect(pids).toHaveLength(1);
    await expect.poll(() => pids.filter(runs)).toEqual([]);
  });

  test('outside its group cannot hold its end back by keeping the output open', async () => {
    const { pids, onStdout } = pidsFrom();
    // The shell waits until the other program has left the group.
    const script = `: "$(setsid sh -c 'echo $$ >&2; exec sleep 600 >/dev/null' &)"`;
    const exit = await runChild(shell(script, { onStderr: onStdout }));
    expect(exit).toEqual({ code: 0, signal: null });
    expect(pids.filter(runs)).toHaveLength(1);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
  });
});

test('stop kills the whole group of a program that ignores SIGTERM, and can be repeated', async () => {
  const { pids, onStdout } = pidsFrom();
  const child = startChild(shell("trap '' TERM; sleep 600 & echo $!; wait; wait; sleep 600", { onStdout }));
  await expect.poll(() => pids).toHaveLength(1);
  await Promise.all([child.stop({ graceMs: 50 }), child.stop({ graceMs: 60_000 })]);
  await child.stop({ graceMs: 0 });
  expect(await child.ended).toEqual({ code: null, signal: 'SIGKILL' });
  expect(exitText(await child.exited)).toBe('SIGKILL');
  await expect.poll(() => pids.filter(runs)).toEqual([]);
});

test('children do not outlive a process that exits', async () => {
  const program = `
    import { startChild } from '@slipway/shared/processes';
    const children = [1, 2].map(() => startChild({ command: 'sleep', args: ['600'], env: process.env, killGraceMs: 0 }));
    await Promise.all(children.map(({ started }) => started));
    console.log(children.map(({ pid }) => pid).join('\\n'));
    process.exit(0);`;
  const { pids, onStdout } = pidsFrom();
  const args = ['--input-type=module', '--eval', program];
  await runChild({
    ...{ command: process.execPath, args, env, killGraceMs: 0, onStdout },
    cwd: import.meta.dirname,
  });
  expect(pids).toHaveLength(2);
  await expect.poll(() => pids.filter(runs)).toEqual([]);
});

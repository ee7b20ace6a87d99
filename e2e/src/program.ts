import { spawn } from 'node:child_process';
import { scratchFolder } from './context.js';

export interface RunningProgram {
  readonly pid: number;
  /** Returns the standard output so far. */
  readonly out: () => string;
  readonly err: () => string;
  /** Resolves once the output of either stream contains `text`. Rejects when the program ends first. */
  said(text: string | RegExp): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<ProgramEnd>;
}

export interface ProgramEnd {
  readonly exit: number | null;
  readonly out: string;
  readonly err: string;
}

interface ProgramOptions {
  readonly cwd?: string | undefined;
  /** Variables besides this process's environment. */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** Starts a program without a terminal or standard input. */
export function startProgram(
  command: string,
  args: readonly string[],
  { cwd, env }: ProgramOptions = {},
): RunningProgram {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    // A killed program cannot remove its temporary files.
    env: { ...process.env, TMPDIR: scratchFolder(), ...env },
    ...(cwd !== undefined && { cwd }),
  });
  const text = { out: '', err: '' };
  const listeners = new Set<() => void>();
  for (const [name, stream] of [
    ['out', child.stdout],
    ['err', child.stderr],
  ] as const) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk;
      for (const listener of listeners) listener();
    });
  }
  const ended = new Promise<ProgramEnd>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exit) => resolve({ exit, ...text }));
  });
  return {
    pid: child.pid ?? 0,
    out: () => text.out,
    err: () => text.err,
    said: (wanted) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const all = text.out + text.err;
          if (typeof wanted === 'string' ? !all.includes(wanted) : !wanted.test(all)) return;
          listeners.delete(look);
          resolve();
        };
        listeners.add(look);
        void ended.then(
          ({ exit }) => reject(new Error(`it ended with ${exit}: ${text.out}${text.err}`)),
          reject,
        );
        look();
      }),
    kill: (signal) => void child.kill(signal),
    ended,
  };
}

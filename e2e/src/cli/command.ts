import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../../packages/cli/dist/main.js', import.meta.url));

export interface RunningCommand {
  readonly pid: number;
  /** What it has printed so far. */
  readonly out: () => string;
  readonly err: () => string;
  /** Resolves once what it has printed, on either stream, holds this; rejects when it ends before. */
  said(text: string | RegExp): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<CommandEnd>;
}

export interface CommandEnd {
  readonly exit: number | null;
  readonly out: string;
  readonly err: string;
}

/** The `slipway` command, as compiled, without a terminal. */
export function startCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): RunningCommand {
  const child = spawn(process.execPath, [main, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
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
  const ended = new Promise<CommandEnd>((resolve, reject) => {
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

export const slipway = (
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
): Promise<CommandEnd> => startCommand(args, env).ended;

/** The processes that run with `NAME=value` in their environment, which children inherit: `pid command line`. */
export function processesWith(variable: string): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
        if (!variables.includes(variable)) return [];
        return [`${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')}`];
      } catch {
        // It has ended meanwhile, or is another user's.
        return [];
      }
    });
}

import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the child; nothing is inherited. */
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Open files that the child is given, as its descriptors 3, 4 and so on. */
  readonly descriptors?: readonly number[];
  readonly onStdout?: (chunk: Buffer) => void;
  readonly onStderr?: (chunk: Buffer) => void;
  readonly signal: AbortSignal;
  /** Milliseconds between SIGTERM and SIGKILL. */
  readonly killGraceMs: number;
}

export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The children that run now. They are killed when this process exits; when it is killed itself, nothing can be done. */
class RunningChildren {
  readonly #children = new Set<ChildProcess>();
  readonly #killAll = () => {
    for (const child of this.#children) signalGroup(child, 'SIGKILL');
  };

  add(child: ChildProcess): void {
    if (this.#children.size === 0) process.on('exit', this.#killAll);
    this.#children.add(child);
  }

  delete(child: ChildProcess): void {
    this.#children.delete(child);
    if (this.#children.size === 0) process.off('exit', this.#killAll);
  }
}
const running = new RunningChildren();

/** A grandchild that escaped the group may hold the pipes for ever; output is awaited this long, in ms. */
const outputWaitMs = 1_000;

/**
 * Runs a program, without a shell and without standard input, as the leader of a process group of its own.
 * When it settles, no process of the group is left: what outlives the leader is killed. When `signal` is aborted the
 * group gets SIGTERM, then SIGKILL, and the promise rejects with the signal's reason. It rejects too when the program
 * cannot be started.
 */
export async function runChild(options: ChildOptions): Promise<ChildExit> {
  const { signal } = options;
  signal.throwIfAborted();
  const child = spawn(options.command, options.args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', ...(options.descriptors ?? [])],
    env: options.env,
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  }) as ChildProcessByStdio<null, Readable, Readable>;
  child.stdout.on('data', (chunk: Buffer) => options.onStdout?.(chunk));
  child.stderr.on('data', (chunk: Buffer) => options.onStderr?.(chunk));
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const exited = new Promise<ChildExit>((resolve, reject) => {
    child.once('exit', (code, exitSignal) => resolve({ code, signal: exitSignal }));
    child.once('error', reject);
  });
  running.add(child);
  const ended = new AbortController();
  const onAbort = () => void terminate(child, options.killGraceMs, ended.signal);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const exit = await exited;
    signalGroup(child, 'SIGKILL');
    await Promise.race([
      closed,
      delay(outputWaitMs, undefined, { signal: ended.signal }).catch(() => undefined),
    ]);
    signal.throwIfAborted();
    return exit;
  } finally {
    running.delete(child);
    ended.abort();
    signal.removeEventListener('abort', onAbort);
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

async function terminate(child: ChildProcess, graceMs: number, ended: AbortSignal): Promise<void> {
  signalGroup(child, 'SIGTERM');
  try {
    await delay(graceMs, undefined, { signal: ended });
  } catch {
    return; // It ended within the grace time.
  }
  signalGroup(child, 'SIGKILL');
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

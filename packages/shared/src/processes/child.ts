import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

export interface ChildOptions {
  readonly command: string;
  readonly args?: readonly string[];
  /** The whole environment of the child. The child inherits nothing. */
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Text for its standard input. Without it, the standard input is empty. */
  readonly input?: string;
  /** Limit of the address space of the child and of each of its own children. Systems without limits ignore it. */
  readonly memoryBytes?: number | undefined;
  readonly onStdout?: (chunk: Buffer) => void;
  readonly onStderr?: (chunk: Buffer) => void;
  /** The caller begins to read `stdout` of the child at once. The child's end waits for a slow reader until the signal is aborted. */
  readonly readsStdout?: boolean;
  /** Ends the child when aborted: SIGTERM to its group, then SIGKILL. */
  readonly signal?: AbortSignal;
  /** Milliseconds between SIGTERM and SIGKILL. 0 sends SIGKILL at once. */
  readonly killGraceMs: number;
  /** Limit of the time, in ms, from the end of the program to the end of its output. A process that left the group may hold the pipes for ever. Default 1,000. */
  readonly outputWaitMs?: number;
}

export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunningChild {
  /** Undefined when the program cannot be started. */
  readonly pid: number | undefined;
  readonly stdout: Readable;
  /** Resolves when the program runs. Rejects when it cannot be started. */
  readonly started: Promise<void>;
  /** Resolves when the program itself has ended, and never rejects. A program that cannot be started never resolves it. */
  readonly exited: Promise<ChildExit>;
  /** Resolves when no process of the group is left and its output is read. Rejects as `runChild` does. */
  readonly ended: Promise<ChildExit>;
  /** Sends a signal to the program alone. Does nothing when it has ended. */
  kill(signal: NodeJS.Signals): void;
  /** Sends SIGTERM to the program alone, and SIGKILL to its whole group after `graceMs`. Resolves when the program has ended. */
  stop(options: { readonly graceMs: number }): Promise<void>;
}

/** The children that run now. They are killed when this process exits. When this process is killed, they stay. */
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

/** Sets the limit and becomes the program. Node.js cannot set limits itself. A limit stays as it is only if a lower one is in force. */
const limited = 'ulimit -v "$0" 2>/dev/null; exec "$@"';

/**
 * Starts a program, without a shell, as the leader of a process group of its own. What outlives the leader in its group is killed. Throws the
 * signal's reason when the signal is aborted already.
 */
export function startChild(options: ChildOptions): RunningChild {
  options.signal?.throwIfAborted();
  return new Child(options);
}

/**
 * Runs a program to its end. When it settles, no process of the group is left. Rejects with the signal's reason when the signal ended the
 * program, and with the error of the system when the program cannot be started.
 */
export async function runChild(options: ChildOptions): Promise<ChildExit> {
  return await startChild(options).ended;
}

export interface ChildOutput extends ChildExit {
  /** The start of the output, at most `maxOutputBytes`. */
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

interface OutputOptions extends Omit<ChildOptions, 'onStdout' | 'onStderr' | 'readsStdout'> {
  /** Limit for each of the two outputs. What follows is dropped. */
  readonly maxOutputBytes: number;
}

/** Runs a program to its end, as `runChild` does, and returns what it printed. */
export async function runForOutput({ maxOutputBytes, ...options }: OutputOptions): Promise<ChildOutput> {
  const [stdout, stderr] = [new FirstBytes(maxOutputBytes), new FirstBytes(maxOutputBytes)];
  const exit = await runChild({
    ...options,
    onStdout: (chunk) => stdout.push(chunk),
    onStderr: (chunk) => stderr.push(chunk),
  });
  return { ...exit, stdout: stdout.bytes(), stderr: stderr.bytes() };
}

/** Says how a program ended: `code 1` or `SIGKILL`. */
export const exitText = ({ code, signal }: ChildExit): string => signal ?? `code ${code}`;

class FirstBytes {
  readonly #maxBytes: number;
  readonly #chunks: Buffer[] = [];
  #size = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(chunk: Buffer): void {
    const kept = chunk.subarray(0, this.#maxBytes - this.#size);
    if (kept.length === 0) return;
    this.#chunks.push(kept);
    this.#size += kept.length;
  }

  bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

class Child implements RunningChild {
  readonly #child: ChildProcess;
  readonly #options: ChildOptions;
  readonly #stderr: Readable;
  readonly stdout: Readable;
  readonly started: Promise<void>;
  readonly exited: Promise<ChildExit>;
  readonly ended: Promise<ChildExit>;
  /** After it, the number of the group may belong to others. */
  #hasEnded = false;

  constructor(options: ChildOptions) {
    this.#options = options;
    this.#child = spawnIn(options);
    const { stdin, stdout, stderr } = this.#child as ChildProcessByStdio<Writable | null, Readable, Readable>;
    this.stdout = stdout;
    this.#stderr = stderr;
    // A program that does not read its input closes it.
    stdin?.on('error', () => undefined).end(options.input);
    stdout.on('error', () => undefined);
    if (!options.readsStdout) stdout.on('data', (chunk: Buffer) => options.onStdout?.(chunk));
    stderr.on('data', (chunk: Buffer) => options.onStderr?.(chunk));
    this.exited = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => resolve({ code, signal }));
    });
    this.started = new Promise((resolve, reject) => {
      this.#child.once('spawn', resolve);
      this.#child.once('error', reject);
    });
    this.ended = this.#supervise();
    // A caller may await one of the two alone.
    this.started.catch(() => undefined);
    this.ended.catch(() => undefined);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async stop({ graceMs }: { readonly graceMs: number }): Promise<void> {
    this.kill('SIGTERM');
    await settledWithin(this.exited, graceMs);
    this.#signalGroup('SIGKILL');
    await this.exited;
  }

  async #supervise(): Promise<ChildExit> {
    const { signal, readsStdout, outputWaitMs = 1_000 } = this.#options;
    const closed = new Promise<void>((resolve) => this.#child.once('close', () => resolve()));
    const over = new AbortController();
    const aborted = new Promise<void>((resolve) => {
      signal?.addEventListener('abort', () => resolve(), { once: true, signal: over.signal });
    });
    running.add(this.#child);
    try {
      await this.started;
      void aborted.then(() => this.#interrupt());
      const exit = await this.exited;
      this.#signalGroup('SIGKILL');
      if (readsStdout) await Promise.race([closed, aborted]);
      await settledWithin(closed, outputWaitMs);
      signal?.throwIfAborted();
      return exit;
    } finally {
      this.#hasEnded = true;
      running.delete(this.#child);
      over.abort();
      this.stdout.destroy(signal?.reason);
      this.#stderr.destroy();
    }
  }

  async #interrupt(): Promise<void> {
    const { killGraceMs } = this.#options;
    if (killGraceMs > 0) {
      this.#signalGroup('SIGTERM');
      await settledWithin(this.exited, killGraceMs);
    }
    this.#signalGroup('SIGKILL');
  }

  #signalGroup(signal: NodeJS.Signals): void {
    if (!this.#hasEnded) signalGroup(this.#child, signal);
  }
}

function spawnIn({ command, args = [], memoryBytes, input, env, cwd }: ChildOptions): ChildProcess {
  const [program, given] =
    memoryBytes === undefined
      ? [command, args]
      : ['/bin/sh', ['-c', limited, String(Math.floor(memoryBytes / 1024)), command, ...args]];
  return spawn(program, given, {
    detached: true,
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    env,
    ...(cwd !== undefined && { cwd }),
  });
}

/** Resolves when the promise has settled or the time is over. */
async function settledWithin(promise: Promise<unknown>, ms: number): Promise<void> {
  const timer = new AbortController();
  const time = delay(ms, undefined, { signal: timer.signal }).catch(() => undefined);
  await Promise.race([promise, time]);
  timer.abort();
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

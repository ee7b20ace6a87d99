import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

export interface ProcessOptions {
  /** For messages: what this is. */
  readonly name: string;
  readonly command: string;
  readonly args?: readonly string[];
  /** The whole environment of the process; this process's own when left out. */
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** The file that the process's output is also appended to. */
  readonly logFile?: string;
  /** Called with every line it prints, on either stream. */
  readonly onLine?: (line: string) => void;
  /** Asked again and again until it says true; `startProcess` waits for that. */
  readonly ready?: () => Promise<boolean>;
  /** Milliseconds until it counts as failed to get ready. Default 30,000. */
  readonly readyTimeoutMs?: number;
  /** Aborting it while the process gets ready ends the wait and the process. Later it has no effect. */
  readonly signal?: AbortSignal;
}

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ProcessHandle {
  readonly name: string;
  readonly pid: number;
  /** Resolves, never rejects, when the process has ended. */
  readonly exited: Promise<ProcessExit>;
  /** The last lines it printed, at most 40. */
  recentLines(): readonly string[];
  /** SIGTERM, at most `graceMs` (default 5,000), then SIGKILL to what is left of its process group. Harmless when repeated. */
  stop(options?: { graceMs?: number }): Promise<void>;
  /** Sends a signal to the process alone; harmless when it has ended. */
  kill(signal: NodeJS.Signals): void;
}

const keptLines = 40;
const probeIntervalMs = 25;

/**
 * Starts a program in a process group of its own, and waits until it is ready.
 * Rejects, with the last lines the program printed, when it cannot be started, ends, or is not ready in time;
 * nothing of it is left running then. Whatever is running when this process exits is killed with it.
 */
export async function startProcess(options: ProcessOptions): Promise<ProcessHandle> {
  const { name } = options;
  const child = spawn(options.command, options.args ?? [], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.env && { env: options.env }),
    ...(options.cwd && { cwd: options.cwd }),
  });
  const exited = new Promise<ProcessExit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  const lines = collectLines(child, options);
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) =>
      reject(new Error(`${name} cannot be started: ${cause.message}`, { cause })),
    );
  });
  const handle = createHandle({ name, child, exited, lines });
  try {
    await waitUntilReady(options, exited);
  } catch (error) {
    await handle.stop();
    // What it printed last may still be in the pipe, which a grandchild may hold open for ever.
    await Promise.race([closed(child), delay(500, undefined, { ref: false })]);
    throw new Error([(error as Error).message, ...lines].join('\n  '), { cause: error });
  }
  return handle;
}

function collectLines(child: ChildProcess, { logFile, onLine }: ProcessOptions): readonly string[] {
  const lines: string[] = [];
  const log = logFile === undefined ? undefined : createWriteStream(logFile, { flags: 'a' });
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) => {
      lines.push(line);
      if (lines.length > keptLines) lines.shift();
      log?.write(`${line}\n`);
      onLine?.(line);
    });
  }
  child.once('close', () => log?.end());
  child.once('error', () => log?.end());
  return lines;
}

async function closed(child: ChildProcess): Promise<void> {
  if (!child.stdout?.closed || !child.stderr?.closed) await once(child, 'close');
}

async function waitUntilReady(options: ProcessOptions, exited: Promise<ProcessExit>): Promise<void> {
  const { name, ready, readyTimeoutMs = 30_000, signal } = options;
  if (!ready) return;
  let ended: ProcessExit | undefined;
  const end = exited.then((exit) => {
    ended = exit;
  });
  const deadline = Date.now() + readyTimeoutMs;
  while (true) {
    const isReady = await ready();
    if (signal?.aborted) throw new Error(`${name} was stopped before it was ready:`);
    if (ended)
      throw new Error(`${name} ended with ${ended.signal ?? `code ${ended.code}`} before it was ready:`);
    if (isReady) return;
    if (Date.now() > deadline) throw new Error(`${name} was not ready within ${readyTimeoutMs} ms:`);
    await Promise.race([end, delay(probeIntervalMs)]);
  }
}

interface Parts {
  readonly name: string;
  readonly child: ChildProcess;
  readonly exited: Promise<ProcessExit>;
  readonly lines: readonly string[];
}

function createHandle({ name, child, exited, lines }: Parts): ProcessHandle {
  const pid = child.pid as number;
  const killGroup = () => signalIfAlive(-pid, 'SIGKILL');
  const gone = exited.then(killAtExit(killGroup));
  let stopping: Promise<void> | undefined;
  const kill = (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) signalIfAlive(pid, signal);
  };
  const stop = async (graceMs: number) => {
    kill('SIGTERM');
    const grace = new AbortController();
    await Promise.race([exited, delay(graceMs, undefined, { signal: grace.signal }).catch(() => undefined)]);
    grace.abort();
    killGroup();
    await gone;
  };
  return {
    name,
    pid,
    exited,
    recentLines: () => [...lines],
    kill,
    stop: ({ graceMs = 5_000 } = {}) => {
      stopping ??= stop(graceMs);
      return stopping;
    },
  };
}

const atExit = new Set<() => void>();
const killAll = () => {
  for (const kill of atExit) kill();
};

/** Has `kill` called when this process exits, until what is returned is called. One listener serves all. */
function killAtExit(kill: () => void): () => void {
  if (atExit.size === 0) process.on('exit', killAll);
  atExit.add(kill);
  return () => {
    atExit.delete(kill);
    if (atExit.size === 0) process.off('exit', killAll);
  };
}

function signalIfAlive(target: number, signal: NodeJS.Signals): void {
  try {
    process.kill(target, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

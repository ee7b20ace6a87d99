import { createWriteStream } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { type ChildExit, exitText, LastLines, LineSplitter, startChild } from '@slipway/shared/processes';

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
  /** Asked again and again until it says true; `startProcess` waits for that. A rejection counts as false; the message of the failure names the last reason. */
  readonly ready?: () => Promise<boolean>;
  /** Milliseconds until it counts as failed to get ready. Default 30,000. */
  readonly readyTimeoutMs?: number;
  /** Aborting it while the process gets ready ends the wait and the process. Later it has no effect. */
  readonly signal?: AbortSignal;
}

export type ProcessExit = ChildExit;

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
const maxLineBytes = 1024 * 1024;
const probeIntervalMs = 25;

/**
 * Starts a program in a process group of its own, and waits until it is ready.
 * Rejects, with the last lines the program printed, when it cannot be started, ends, or is not ready in time;
 * nothing of it is left running then. Whatever is running when this process exits is killed with it.
 */
export async function startProcess(options: ProcessOptions): Promise<ProcessHandle> {
  const { name, command, args, cwd, env = process.env } = options;
  const output = collectLines(options);
  const { lines } = output;
  const child = startChild({
    ...{ command, env, killGraceMs: 0, ...output.callbacks },
    ...(args && { args }),
    ...(cwd && { cwd }),
  });
  void child.ended.then(output.end, output.end);
  await child.started.catch((cause: Error) => {
    throw new Error(`${name} cannot be started: ${cause.message}`, { cause });
  });
  let stopping: Promise<void> | undefined;
  const handle = {
    name,
    pid: child.pid as number,
    exited: child.exited,
    recentLines: () => [...lines.lines()],
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    stop: ({ graceMs = 5_000 } = {}) => {
      stopping ??= child.stop({ graceMs });
      return stopping;
    },
  };
  try {
    await waitUntilReady(options, child.exited);
  } catch (error) {
    await handle.stop();
    await child.ended;
    output.end();
    throw new Error([(error as Error).message, ...lines.lines()].join('\n  '), { cause: error });
  }
  return handle;
}

function collectLines({ logFile, onLine }: ProcessOptions) {
  const lines = new LastLines({ limit: keptLines });
  const log = logFile === undefined ? undefined : createWriteStream(logFile, { flags: 'a' });
  const take = (line: string) => {
    lines.add(line);
    log?.write(`${line}\n`);
    onLine?.(line);
  };
  const [out, err] = [
    new LineSplitter({ maxBytes: maxLineBytes, onLine: take }),
    new LineSplitter({ maxBytes: maxLineBytes, onLine: take }),
  ];
  return {
    lines,
    callbacks: {
      onStdout: (chunk: Buffer) => out.push(chunk),
      onStderr: (chunk: Buffer) => err.push(chunk),
    },
    end: () => {
      out.end();
      err.end();
      log?.end();
    },
  };
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
    let reason = '';
    const isReady = await ready().catch((error: Error) => {
      // `fetch` itself says no more than "fetch failed".
      reason = ` (${(error.cause as Error | undefined)?.message ?? error.message})`;
      return false;
    });
    if (signal?.aborted) throw new Error(`${name} was stopped before it was ready:`);
    if (ended) throw new Error(`${name} ended with ${exitText(ended)} before it was ready:`);
    if (isReady) return;
    if (Date.now() > deadline) throw new Error(`${name} was not ready within ${readyTimeoutMs} ms${reason}:`);
    await Promise.race([end, delay(probeIntervalMs)]);
  }
}

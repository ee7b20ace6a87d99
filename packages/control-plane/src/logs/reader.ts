import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Keys, Redis } from '@slipway/shared/redis';
import { type LogBlobs, logBlobKey } from './blob.js';

export interface LogLine {
  readonly attempt: number;
  /** Counts from 1 within the attempt. */
  readonly line: number;
  readonly text: string;
}

/** A position in a job's log, written as `<attempt>-<line>`. It is the last event id of SSE. */
export type LogPosition = Pick<LogLine, 'attempt' | 'line'>;

export const formatPosition = ({ attempt, line }: LogPosition) => `${attempt}-${line}`;

export function parsePosition(text: string): LogPosition | undefined {
  const match = /^(\d{1,6})-(\d{1,9})$/.exec(text);
  return match ? { attempt: Number(match[1]), line: Number(match[2]) } : undefined;
}

interface LogSources {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly blobs: LogBlobs;
}

interface ReadLogOptions extends LogSources {
  readonly jobId: string;
  /** The number of attempts in the record. Later attempts are not read. */
  readonly attempts: number;
  readonly after?: LogPosition | undefined;
}

const batchLines = 500;

/** Returns the text for lines that the live stream has lost. */
const gapText = (lines: number) =>
  `[${lines} lines are left out here; the whole log is available when the attempt has ended]`;

/** Returns the log up to now: ended attempts from their blobs, the running one from its live stream. */
export async function* readLog(options: ReadLogOptions): AsyncGenerator<LogLine[]> {
  const { blobs, jobId, attempts, after = { attempt: 1, line: 0 } } = options;
  for (let attempt = Math.max(after.attempt, 1); attempt <= attempts; attempt++) {
    const from = attempt === after.attempt ? after.line : 0;
    const blob = await blobs.stream(logBlobKey(jobId, attempt));
    yield* blob ? blobLines(blob, attempt, from) : liveLines(options, attempt, from);
  }
}

async function* blobLines(input: Readable, attempt: number, from: number): AsyncGenerator<LogLine[]> {
  let batch: LogLine[] = [];
  let line = 0;
  try {
    for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      if (++line <= from) continue;
      batch.push({ attempt, line, text });
      if (batch.length < batchLines) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0) yield batch;
  } finally {
    input.destroy();
  }
}

async function* liveLines(
  { redis, keys, jobId }: LogSources & { jobId: string },
  attempt: number,
  from: number,
): AsyncGenerator<LogLine[]> {
  for (let last = from; ; ) {
    const start = `(${attempt}-${last}`;
    const entries = await redis.xrange(keys.log(jobId), start, String(attempt), 'COUNT', batchLines);
    if (entries.length === 0) return;
    const batch = entries.map(([id, fields]) => ({
      attempt,
      line: Number(id.split('-')[1]),
      text: fields[1] ?? '',
    }));
    const first = batch[0]?.line ?? last + 1;
    const missing = first - last - 1;
    if (missing > 0) batch.unshift({ attempt, line: first - 1, text: gapText(missing) });
    yield batch;
    last = batch.at(-1)?.line ?? last;
  }
}

/** Writes the live stream of an attempt whose worker is lost into the blob of that attempt. */
export async function saveLostLog(options: LogSources & { jobId: string; attempt: number }): Promise<void> {
  const { blobs, jobId, attempt } = options;
  const key = logBlobKey(jobId, attempt);
  if (await blobs.stat(key)) return;
  const lines = async function* () {
    for await (const batch of liveLines(options, attempt, 0)) {
      yield Buffer.from(`${batch.map(({ text }) => text).join('\n')}\n`);
    }
  };
  await blobs.write(key, lines());
}

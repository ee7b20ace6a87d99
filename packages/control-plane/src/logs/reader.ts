import { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { codeOf, isStorageCode } from '@slipway/shared/errors';
import type { Keys, Redis } from '@slipway/shared/redis';
import { type LogBlobs, logBlobKey, logPartKey } from './blob.js';
import { storedWithin, storeWithinMs } from './within.js';

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

export interface LogSources {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly blobs: LogBlobs;
  readonly jobId: string;
  /** The largest number of parts of an attempt, as the record has it. */
  readonly logParts: number;
}

interface ReadLogOptions extends LogSources {
  /** The number of attempts in the record. Later attempts are not read. */
  readonly attempts: number;
  /** True while the last of them runs. */
  readonly running: boolean;
  readonly after?: LogPosition | undefined;
}

const batchLines = 500;

/** Returns the text for lines that neither a part nor the live stream has. */
const gapText = (lines: number) =>
  `[${lines} lines are left out here; the whole log is available when the attempt has ended]`;

/**
 * Returns the log up to now: ended attempts from their blobs, the running one from its live stream. The blob store is read for a
 * running attempt only where the live stream begins too late.
 */
export async function* readLog(options: ReadLogOptions): AsyncGenerator<LogLine[]> {
  const { attempts, running, after = { attempt: 1, line: 0 } } = options;
  for (let attempt = Math.max(after.attempt, 1); attempt <= attempts; attempt++) {
    const from = attempt === after.attempt ? after.line : 0;
    const isLive = running && attempt === attempts;
    yield* isLive ? liveLines(options, attempt, from) : storedLines(options, attempt, from);
  }
}

/**
 * Yields the lines of an ended attempt: from the record if the log is small, else from blobs. What its worker could not store comes from the live stream, and so do all lines while the
 * blob store is away, if the live stream still has them.
 */
async function* storedLines(options: LogSources, attempt: number, from: number): AsyncGenerator<LogLine[]> {
  const small = await smallLog(options, attempt);
  if (small !== undefined) {
    yield* linesOf(Readable.from([Buffer.from(small)]), {
      attempt,
      from,
      upTo: Number.POSITIVE_INFINITY,
      before: 0,
    });
    return;
  }
  const live = { ...options, logParts: 0 };
  const stored = blobLines(options, { attempt, from, upTo: Number.POSITIVE_INFINITY });
  let at = from;
  try {
    for (;;) {
      const { done, value } = await stored.next();
      if (done) {
        if (!value.isWhole) yield* liveLines(live, attempt, Math.max(from, value.last));
        return;
      }
      yield value;
      at = value.at(-1)?.line ?? at;
    }
  } catch (error) {
    if (!isStorageCode(codeOf(error)) || !(await isLive(options, attempt, at))) throw error;
    yield* liveLines(live, attempt, at);
  }
}

/** Returns the log of an attempt if the record has it. */
async function smallLog({ redis, keys, jobId }: LogSources, attempt: number): Promise<string | undefined> {
  return (await redis.hget(keys.job(jobId), `log:${attempt}`)) ?? undefined;
}

/** Returns true if the live stream has all lines of an attempt after a line. */
async function isLive({ redis, keys, jobId }: LogSources, attempt: number, line: number): Promise<boolean> {
  const key = keys.log(jobId);
  const [[newest = ''] = []] = await redis.xrevrange(key, String(attempt), String(attempt), 'COUNT', 1);
  const [[next = ''] = []] = await redis.xrange(key, `(${attempt}-${line}`, String(attempt), 'COUNT', 1);
  return newest !== '' && (next === '' || next === `${attempt}-${line + 1}`);
}

export interface Wanted {
  readonly attempt: number;
  /** Lines after this one are yielded. */
  readonly from: number;
  /** The last line that is yielded. */
  readonly upTo: number;
}

/** Yields lines of the blobs of an attempt. Returns the number of the last line that it met, and whether it met the end of the log. */
async function* blobLines(
  { blobs, jobId, logParts }: LogSources,
  wanted: Wanted,
): AsyncGenerator<LogLine[], { readonly last: number; readonly isWhole: boolean }> {
  let last = 0;
  for (let part = 1; part <= logParts && last < wanted.upTo; part++) {
    const input = await blobs.stream(logPartKey(jobId, wanted.attempt, part));
    if (!input) break;
    last = yield* linesOf(input, { ...wanted, before: last });
  }
  const end = last < wanted.upTo ? await blobs.stream(logBlobKey(jobId, wanted.attempt)) : undefined;
  if (!end) return { last, isWhole: false };
  return { last: yield* linesOf(end, { ...wanted, before: last }), isWhole: true };
}

/** Yields lines of a blob that follows `before` lines. Returns the number of the last line that it met. */
export async function* linesOf(
  input: Readable,
  { attempt, from, upTo, before }: Wanted & { readonly before: number },
): AsyncGenerator<LogLine[], number> {
  let batch: LogLine[] = [];
  let line = before;
  try {
    for await (const text of textLines(input)) {
      if (line === upTo) break;
      if (++line <= from) continue;
      batch.push({ attempt, line, text });
      if (batch.length < batchLines) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0) yield batch;
    return line;
  } finally {
    input.destroy();
  }
}

/** Yields the lines of a text, as `LogWriter` splits them. Rejects with the error of the stream, which `node:readline` hides. */
async function* textLines(input: Readable): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest: string[] = [];
  for await (const chunk of input) {
    const [first = '', ...others] = decoder.write(chunk as Buffer).split('\n');
    rest.push(first);
    if (others.length === 0) continue;
    yield rest.join('');
    rest = [others.pop() ?? ''];
    yield* others;
  }
  const last = rest.join('') + decoder.end();
  if (last !== '') yield last;
}

async function* liveLines(options: LogSources, attempt: number, from: number): AsyncGenerator<LogLine[]> {
  const { redis, keys, jobId, logParts } = options;
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
    if (first > last + 1 && logParts > 0) {
      const stored = yield* blobLines(options, { attempt, from: last, upTo: first - 1 });
      last = Math.max(last, stored.last);
    }
    const missing = first - last - 1;
    if (missing > 0) batch.unshift({ attempt, line: first - 1, text: gapText(missing) });
    yield batch;
    last = batch.at(-1)?.line ?? last;
  }
}

/**
 * Stores the end of a log that its worker did not store, from the live stream. Returns false if neither it nor a part has a line of
 * that attempt. Rejects as `LogWriter.close` does.
 */
export async function saveLostLog(options: LogSources & { readonly attempt: number }): Promise<boolean> {
  return await storedWithin(saveLost(options), storeWithinMs);
}

async function saveLost(options: LogSources & { readonly attempt: number }): Promise<boolean> {
  const { blobs, jobId, attempt } = options;
  const key = logBlobKey(jobId, attempt);
  if ((await smallLog(options, attempt)) !== undefined || (await blobs.stat(key))) return true;
  const nothing = { attempt, from: Number.POSITIVE_INFINITY, upTo: Number.POSITIVE_INFINITY };
  const { value } = await blobLines(options, nothing).next();
  const last = value && 'last' in value ? value.last : 0;
  const text: string[] = [];
  for await (const lines of liveLines({ ...options, logParts: 0 }, attempt, last))
    text.push(...lines.map((line) => `${line.text}\n`));
  if (last === 0 && text.length === 0) return false;
  await blobs.write(key, [Buffer.from(text.join(''))]);
  return true;
}

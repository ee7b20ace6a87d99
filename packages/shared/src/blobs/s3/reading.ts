import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bucket } from './bucket.js';
import { faultOf, isMissing, S3Fault } from './faults.js';

/** Names a version of an object. */
export interface Version {
  readonly key: string;
  readonly etag: string;
}

interface Wanted {
  readonly start: number;
  readonly end: number;
  readonly signal: AbortSignal;
  /** The body of an answer from `start` on, if there is one. */
  readonly body?: Readable;
}

/** Connections in a row that may end without a byte. */
const mostFailures = 4;

/**
 * Yields the bytes from `start` up to `end` of one version. Continues on a new connection where one was cut. Throws `storage_changed`
 * if the object has another version then.
 */
export async function* readVersion(
  bucket: Bucket,
  { key, etag }: Version,
  { start, end, signal, body: first }: Wanted,
): AsyncGenerator<Uint8Array, void> {
  const ask = async (at: number) => {
    const Range = `bytes=${at}-${end - 1}`;
    const wanted = { ...bucket.object(key), IfMatch: etag, Range };
    return (await bucket.s3.getObject(wanted, { abortSignal: signal })).Body as Readable;
  };
  let body = first;
  let failures = 0;
  for (let at = start; at < end; ) {
    body ??= await ask(at);
    try {
      for await (const chunk of body) {
        at += (chunk as Uint8Array).length;
        failures = 0;
        yield chunk;
      }
      if (at < end) throw new Error('the connection ended early');
    } catch (error) {
      if (signal.aborted || ++failures > mostFailures) throw faultOf(error, 'GetObject');
      await sleep(50 * 2 ** failures, undefined, { signal });
    } finally {
      body.destroy();
    }
    body = undefined;
  }
}

/** A manifest and most small sources fit, so that opening and reading them is one request. */
const beginningBytes = 64 * 1024;

/** Returns the first bytes of an object, its size and version; undefined if it is missing. */
export async function readBeginning(
  bucket: Bucket,
  key: string,
): Promise<{ readonly bytes: number; readonly etag: string; readonly beginning: Buffer } | undefined> {
  try {
    const {
      Body,
      ContentRange,
      ETag = '',
    } = await bucket.s3.getObject({
      ...bucket.object(key),
      Range: `bytes=0-${beginningBytes - 1}`,
    });
    const bytes = Number(/\/(\d+)$/.exec(ContentRange ?? '')?.[1]);
    const end = Math.min(bytes, beginningBytes);
    const wanted = { start: 0, end, signal: new AbortController().signal, body: Body as Readable };
    const beginning = Buffer.alloc(end);
    let filled = 0;
    for await (const chunk of readVersion(bucket, { key, etag: ETag }, wanted)) {
      beginning.set(chunk, filled);
      filled += chunk.length;
    }
    return { bytes, etag: ETag, beginning };
  } catch (error) {
    if (isMissing(error)) return undefined;
    // An empty object has no ranges.
    if (error instanceof S3Fault && error.status === 416)
      return { bytes: 0, etag: '', beginning: Buffer.alloc(0) };
    throw error;
  }
}

/** Returns a stream of an object's bytes; undefined if it is missing. */
export async function streamObject(
  bucket: Bucket,
  key: string,
  { start = 0, end }: { readonly start?: number | undefined; readonly end?: number | undefined },
): Promise<Readable | undefined> {
  const stop = new AbortController();
  const whole = start === 0 && end === undefined;
  const Range = `bytes=${start}-${end === undefined ? '' : end - 1}`;
  const wanted = { ...bucket.object(key), ...(!whole && { Range }) };
  try {
    const {
      Body,
      ContentLength = 0,
      ETag = '',
    } = await bucket.s3.getObject(wanted, {
      abortSignal: stop.signal,
    });
    const body = Body as Readable;
    const bytes = { start, end: start + ContentLength, signal: stop.signal, body };
    return readableOf(readVersion(bucket, { key, etag: ETag }, bytes), () => {
      stop.abort();
      body.destroy();
    });
  } catch (error) {
    if (isMissing(error)) return undefined;
    // The range begins at or after the end.
    if (error instanceof S3Fault && error.status === 416) return Readable.from([]);
    throw error;
  }
}

/** Returns a stream that, unlike `Readable.from`, does not wait for a pending chunk when it is destroyed. */
function readableOf(chunks: AsyncGenerator<Uint8Array, void>, stop: () => void): Readable {
  return new Readable({
    read() {
      chunks.next().then(
        ({ done, value }) => this.push(done ? null : value),
        (error) => this.destroy(error),
      );
    },
    destroy(error, done) {
      stop();
      done(error);
    },
  });
}

import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { SlipwayError } from '@slipway/shared/errors';
import { bytesThatTell, type ForeignFormat, foreignFormat, foreignFormatDetail } from './formats.js';
import { corrupt } from './refusals.js';
import type { SourceLimits } from './source-store.js';

/** Small archives of many similar files compress very well, and do no harm. */
const ratioFloorBytes = 1024 * 1024;
/** More than the padding and headers of an entry in any tar. */
const overheadBytesPerEntry = 4096;
const pieceBytes = 64 * 1024;

interface UnpackedOptions {
  readonly body: Readable | AsyncIterable<Uint8Array>;
  readonly limits: SourceLimits;
  readonly signal: AbortSignal | undefined;
}

/**
 * Yields the tar of an upload that is a tar or tar.gz, identified by its first bytes. Pieces have at most 64 KiB and are reused.
 * Throws `body_too_large`, `source_ratio_exceeded` or `source_too_large`; errors of `body` become `body_incomplete`, errors of
 * gunzip `source_corrupt`.
 */
export async function* unpacked({ body, limits, signal }: UnpackedOptions): AsyncGenerator<Buffer> {
  const sent = { bytes: 0 };
  const archive = await peek(received({ body, limits, signal, sent }));
  const tar = archive.format?.name === 'gzip' ? await peek(gunzipped(archive.bytes)) : archive;
  const most = limits.maxBytes + limits.maxFiles * overheadBytesPerEntry + ratioFloorBytes;
  let bytes = 0;
  for await (const chunk of tar.bytes) {
    if (archive !== tar && tar.format?.name === 'gzip') throw corrupt('It is compressed twice.');
    if (tar.format !== undefined) throw corrupt(foreignFormatDetail(tar.format));
    bytes += chunk.length;
    if (bytes > most) throw new SlipwayError('source_too_large');
    if (archive !== tar && bytes > ratioFloorBytes && bytes > sent.bytes * limits.maxRatio) {
      throw new SlipwayError(
        'source_ratio_exceeded',
        `The archive unpacks to more than ${limits.maxRatio} times its size.`,
      );
    }
    for (let at = 0; at < chunk.length; at += pieceBytes) yield chunk.subarray(at, at + pieceBytes);
  }
}

/** Yields the bytes as sent, counted and limited. */
async function* received({
  body,
  limits,
  signal,
  sent,
}: UnpackedOptions & { sent: { bytes: number } }): AsyncGenerator<Buffer> {
  // On an early end the request's stream must stay open, or its answer is lost with the connection.
  const iterator: AsyncIterator<Uint8Array> =
    body instanceof Readable ? body.iterator({ destroyOnReturn: false }) : body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value } = await nextOrAbort(iterator, signal);
      if (done) return;
      sent.bytes += value.length;
      if (sent.bytes > limits.maxArchiveBytes) {
        throw new SlipwayError(
          'body_too_large',
          `The archive is larger than ${limits.maxArchiveBytes} bytes.`,
        );
      }
      yield Buffer.from(value.buffer, value.byteOffset, value.length);
    }
  } finally {
    // A body that hangs in `next` would not answer `return` either.
    if (!signal?.aborted) await iterator.return?.();
  }
}

/** Returns the next chunk, or rejects with the signal's reason. */
function nextOrAbort(
  iterator: AsyncIterator<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<IteratorResult<Uint8Array>> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    iterator.next().then(
      (result) => {
        signal?.removeEventListener('abort', onAbort);
        resolve(result);
      },
      (error: unknown) => {
        signal?.removeEventListener('abort', onAbort);
        reject(
          error instanceof SlipwayError
            ? error
            : new SlipwayError('body_incomplete', undefined, { cause: error }),
        );
      },
    );
  });
}

async function* gunzipped(archive: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: pieceBytes });
  // Errors of both sides reach the loop below.
  pipeline(archive, gunzip, () => {});
  try {
    for await (const chunk of gunzip) yield chunk;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code?.startsWith('Z_')) throw corrupt(`It cannot be decompressed: ${message}.`);
    throw error;
  }
}

/** Reads the first bytes, and returns them together with the rest. */
async function peek(
  source: AsyncGenerator<Buffer>,
): Promise<{ format: ForeignFormat | undefined; bytes: AsyncIterable<Buffer> }> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < bytesThatTell(head)) {
    const { done, value } = await source.next();
    if (done) break;
    head = head.length === 0 ? value : Buffer.concat([head, value]);
  }
  return {
    format: foreignFormat(head),
    bytes: (async function* () {
      try {
        if (head.length > 0) yield head;
        yield* source;
      } finally {
        await source.return(undefined);
      }
    })(),
  };
}

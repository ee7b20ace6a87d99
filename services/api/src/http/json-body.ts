import type { IncomingHttpHeaders } from 'node:http';
import type { Readable, Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { SlipwayError } from '@slipway/shared/errors';
import { decodeJson, type JsonBounds, JsonScanner, tooComplex } from '@slipway/shared/json';

type Body = Readable & { readonly headers: IncomingHttpHeaders };

interface ReadOptions {
  /** A request, or its body with its headers. */
  readonly body: Body;
  /** Limit of the unpacked body. */
  readonly maxBytes: number;
  readonly bounds: JsonBounds;
}

/** Limit of unpacked bytes per byte sent. JSON of requests packs to a hundredth at best, a bomb to a thousandth. */
const maxRatio = 200;
/** Any ratio is allowed below this size: a file of a source may be very regular. */
const ratioFloorBytes = 8 * 1024 * 1024;
const pieceBytes = 64 * 1024;

const unpackers = new Map<string, () => Transform>([
  ['gzip', () => createGunzip({ chunkSize: pieceBytes })],
  ['x-gzip', () => createGunzip({ chunkSize: pieceBytes })],
  ['deflate', () => createInflate({ chunkSize: pieceBytes })],
  ['br', () => createBrotliDecompress({ chunkSize: pieceBytes })],
]);

const what = 'The body';

/**
 * Returns the unpacked body of a request, as bytes of JSON in UTF-8; undefined without a body. Counts bytes and tokens as they
 * arrive, so that a body beyond a limit costs no more than the bytes before. Throws `body_too_large`, `json_too_complex`,
 * `json_invalid`, `media_type_unsupported`, `body_incomplete`. A rejected request can still be answered while the rest of its body
 * arrives.
 */
export async function readJsonBytes({ body, maxBytes, bounds }: ReadOptions): Promise<Buffer | undefined> {
  const { headers } = body;
  if (headers['transfer-encoding'] === undefined && headers['content-length'] === undefined) return undefined;
  checkCharset(headers['content-type'] ?? '');
  const encoding = (headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  const unpacker = unpackers.get(encoding);
  if (encoding !== 'identity' && unpacker === undefined) {
    throw new SlipwayError(
      'media_type_unsupported',
      `Send the body without a Content-Encoding, or with one of ${[...unpackers.keys()].join(', ')}.`,
    );
  }
  const tooLarge = () => new SlipwayError('body_too_large', `The body is larger than ${maxBytes} bytes.`);
  if (Number(headers['content-length'] ?? 0) > maxBytes) throw tooLarge();
  const sent = { bytes: 0 };
  const whole = new Gathered(unpacker ? 0 : Number(headers['content-length'] ?? 0));
  const scanner = new JsonScanner(bounds);
  for await (const piece of unpacker ? unpacked(body, unpacker(), sent) : plain(body, sent)) {
    const bytes = whole.length + piece.length;
    if (bytes > maxBytes) throw tooLarge();
    if (bytes > ratioFloorBytes && bytes > sent.bytes * maxRatio) {
      throw new SlipwayError('body_too_large', `The body unpacks to more than ${maxRatio} times its size.`);
    }
    const problem = scanner.scan(piece);
    if (problem !== undefined) throw tooComplex(what, problem);
    whole.add(piece);
  }
  return whole.bytes();
}

/**
 * Joins chunks of bytes. A body of known length goes to one buffer, since joining pieces at the end takes twice the memory. An
 * unpacked body stays in pieces, since copying would be wasted on most rejected bodies.
 */
class Gathered {
  readonly #whole: Buffer | undefined;
  readonly #pieces: Buffer[] = [];
  length = 0;

  constructor(expected: number) {
    this.#whole = expected > 0 ? Buffer.allocUnsafeSlow(expected) : undefined;
  }

  add(piece: Buffer): void {
    if (this.#whole) piece.copy(this.#whole, this.length);
    else this.#pieces.push(piece);
    this.length += piece.length;
  }

  bytes(): Buffer {
    return this.#whole ? this.#whole.subarray(0, this.length) : Buffer.concat(this.#pieces, this.length);
  }
}

/** Returns the object or array in the bytes of a body. No bytes give an empty object. Throws `json_invalid`. */
export function parseJsonBytes(bytes: Buffer): unknown {
  if (bytes.length === 0) return {};
  const value = decodeJson({ bytes, what });
  if (typeof value === 'object' && value !== null) return value;
  throw new SlipwayError('json_invalid', `${what} is neither an object nor an array.`);
}

/** Throws unless the charset is UTF-8, as JSON requires (RFC 8259, section 8.1). */
function checkCharset(contentType: string): void {
  const [, charset] = /;\s*charset\s*=\s*"?([^\s;"]*)/i.exec(contentType) ?? [];
  if (charset === undefined || /^(?:utf-?8|us-ascii)$/i.test(charset)) return;
  throw new SlipwayError('json_invalid', `${what} is in ${charset.slice(0, 64)}, and must be in UTF-8.`);
}

interface Sent {
  bytes: number;
}

async function* plain(body: Readable, sent: Sent): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of body.iterator({ destroyOnReturn: false })) {
      sent.bytes += (chunk as Buffer).length;
      yield chunk as Buffer;
    }
  } catch (cause) {
    throw new SlipwayError('body_incomplete', undefined, { cause });
  }
}

/** Yields unpacked bytes. An early stop releases the body at once, so that its rest can be discarded. */
async function* unpacked(body: Readable, unpacker: Transform, sent: Sent): AsyncGenerator<Buffer> {
  const count = (chunk: Buffer) => {
    sent.bytes += chunk.length;
  };
  const incomplete = (cause?: Error) =>
    unpacker.destroy(new SlipwayError('body_incomplete', undefined, { cause }));
  const close = () => {
    if (!body.readableEnded) incomplete();
  };
  // The error listener stays: a body may fail after it was rejected.
  body.once('error', incomplete).once('close', close).on('data', count).pipe(unpacker);
  try {
    for await (const piece of unpacker) yield piece as Buffer;
  } catch (error) {
    if (error instanceof SlipwayError) throw error;
    throw new SlipwayError('json_invalid', `${what} cannot be decompressed.`, { cause: error });
  } finally {
    body.off('data', count).off('close', close).unpipe(unpacker);
  }
}

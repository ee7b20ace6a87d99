import type { IncomingMessage } from 'node:http';
import { Busboy, type BusboyInstance } from '@fastify/busboy';
import { SlipwayError } from '@slipway/shared/errors';

/** A piece of a form, in order: the start of a part, or bytes of the part. */
export type FormPiece = { readonly part: string } | { readonly bytes: Buffer };

interface ReadFormOptions {
  /** A request of the type `multipart/form-data`. */
  readonly request: IncomingMessage;
  /** The exact limit of parts. A form with more is rejected. */
  readonly parts: number;
  /** Limit of the whole body. */
  readonly maxBytes: number;
}

/** Limit of the headers of a part. Longer headers are cut off, and a name in the rest is lost. */
const maxHeaderBytes = 8 * 1024;
const maxHeaders = 16;
/** Other encodings need decoding, and are obsolete (RFC 7578, section 4.7). */
const plainEncodings = ['7bit', '8bit', 'binary'];

/**
 * Yields the parts of a `multipart/form-data` (RFC 7578) as they arrive, in constant memory. Ends once the whole body was read and
 * is valid. A part without a name has the name `''`; a part with unreadable headers is left out, but counts. Throws
 * `request_invalid` for an invalid form or too many parts, `media_type_unsupported` for a Content-Encoding, `body_too_large`, and
 * `body_incomplete` when the form or the connection ends early. A caller that stops early can still answer the request.
 */
export async function* readForm({
  request,
  parts,
  maxBytes,
}: ReadFormOptions): AsyncGenerator<FormPiece, void> {
  const { headers } = request;
  if ((headers['content-encoding'] ?? 'identity') !== 'identity') {
    throw new SlipwayError('media_type_unsupported', 'Send the form without a Content-Encoding.');
  }
  const tooLarge = () => new SlipwayError('body_too_large', `The body is larger than ${maxBytes} bytes.`);
  if (Number(headers['content-length'] ?? 0) > maxBytes) throw tooLarge();
  const parser = new FormParser({ contentType: headers['content-type'] ?? '', parts });
  let bytes = 0;
  for await (const chunk of chunksOf(request)) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw tooLarge();
    await parser.write(chunk);
    yield* parser.take();
  }
  await parser.end();
  yield* parser.take();
}

async function* chunksOf(request: IncomingMessage): AsyncGenerator<Buffer, void> {
  const chunks = request.iterator({ destroyOnReturn: false });
  try {
    for await (const chunk of chunks) yield chunk as Buffer;
  } catch (cause) {
    if (request.complete) throw cause;
    throw new SlipwayError('body_incomplete', undefined, { cause });
  }
}

interface Part {
  readonly name: string;
  readonly pieces: Buffer[];
  begun: boolean;
  ended: boolean;
}

/** Wraps the parser of busboy, whose events may arrive late and out of order. */
class FormParser {
  readonly #busboy: BusboyInstance;
  /** Parts that were not handed on completely. */
  #parts: Part[] = [];
  #refusal: SlipwayError | undefined;
  #finished = false;
  /** Wakes the waiting reader. */
  #wake = () => {};

  constructor({ contentType, parts }: { contentType: string; parts: number }) {
    try {
      this.#busboy = new Busboy({
        headers: { 'content-type': contentType },
        // Treats every part as a stream.
        isPartAFile: () => true,
        limits: { parts, headerSize: maxHeaderBytes, headerPairs: maxHeaders },
      });
    } catch (cause) {
      throw malformed('its Content-Type has no boundary that can be used', cause);
    }
    this.#busboy.on('partsLimit', () => this.#refuse(malformed(`it has more than ${parts} parts`)));
    this.#busboy.on('error', (cause) => {
      this.#refuse(
        new SlipwayError('body_incomplete', 'The form has no end: its last boundary is missing.', { cause }),
      );
    });
    this.#busboy.on('finish', () => {
      this.#finished = true;
      this.#wake();
    });
    this.#busboy.on('file', (name: string | undefined, stream, _file, encoding) => {
      // A part that is cut short also raises an error on the form.
      stream.on('error', () => undefined);
      if (!plainEncodings.includes(encoding))
        this.#refuse(malformed('a part has a Content-Transfer-Encoding'));
      const part: Part = { name: name ?? '', pieces: [], begun: false, ended: false };
      this.#parts.push(part);
      stream.on('data', (piece: Buffer) => part.pieces.push(piece));
      stream.on('end', () => {
        part.ended = true;
      });
    });
  }

  async write(chunk: Buffer): Promise<void> {
    // Data after the last boundary has no meaning (RFC 2046, section 5.1.1).
    if (this.#finished) return;
    await this.#settled((done) => this.#busboy.write(chunk, done));
  }

  /** Resolves once all parts have been read. */
  async end(): Promise<void> {
    await this.#settled((done) => (this.#finished ? done() : this.#busboy.end()));
  }

  /** Yields the pieces that are available now. */
  *take(): Generator<FormPiece, void> {
    for (let part = this.#parts[0]; part; part = this.#parts[0]) {
      if (!part.begun) yield { part: part.name };
      part.begun = true;
      for (const bytes of part.pieces.splice(0)) yield { bytes };
      if (!part.ended) return;
      this.#parts.shift();
    }
  }

  async #settled(work: (done: () => void) => void): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      work(resolve);
    });
    if (this.#refusal) throw this.#refusal;
  }

  #refuse(why: SlipwayError): void {
    this.#refusal ??= why;
    this.#wake();
  }
}

const malformed = (why: string, cause?: unknown) =>
  new SlipwayError('request_invalid', `The form in the body is not valid: ${why}.`, { cause });

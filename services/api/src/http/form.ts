import type { IncomingMessage } from 'node:http';
import { Busboy, type BusboyInstance } from '@fastify/busboy';
import { SlipwayError } from '@slipway/shared/errors';

/** What comes of a form, in its order: that a part begins, and then its bytes. */
export type FormPiece = { readonly part: string } | { readonly bytes: Buffer };

interface ReadFormOptions {
  /** Of the type `multipart/form-data`. */
  readonly request: IncomingMessage;
  /** How many parts it has. One that has more is refused. */
  readonly parts: number;
  /** What all of the body may take. */
  readonly maxBytes: number;
}

/** More than the headers of a part take; what is longer is cut off, and a name in it not found. */
const maxHeaderBytes = 8 * 1024;
const maxHeaders = 16;
/** Others would have to be decoded, and nobody uses them any more (RFC 7578, section 4.7). */
const plainEncodings = ['7bit', '8bit', 'binary'];

/**
 * The parts of a `multipart/form-data` (RFC 7578), as they come, in constant memory; it ends once the whole body has been read and was as it should be. A part
 * that has no name has the name `''`; one whose headers cannot be read is left out, but counts. Throws `request_invalid` for what is no form or has too
 * many parts, `media_type_unsupported` when it is packed, `body_too_large`, and `body_incomplete` when it or the connection ends early. Whoever stops before its
 * end leaves the request as it is, to be answered.
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

/** The parser of busboy, which tells of parts by events, some of them later than what follows. */
class FormParser {
  readonly #busboy: BusboyInstance;
  /** Those that have not been handed on whole. */
  #parts: Part[] = [];
  #refusal: SlipwayError | undefined;
  #finished = false;
  /** Whoever waits goes on. */
  #wake = () => {};

  constructor({ contentType, parts }: { contentType: string; parts: number }) {
    try {
      this.#busboy = new Busboy({
        headers: { 'content-type': contentType },
        // As a stream, whatever it is.
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
      // A part that is cut short is an error of the form besides.
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
    // What follows the last boundary is of no meaning (RFC 2046, section 5.1.1).
    if (this.#finished) return;
    await this.#settled((done) => this.#busboy.write(chunk, done));
  }

  /** Resolves once all parts have been read. */
  async end(): Promise<void> {
    await this.#settled((done) => (this.#finished ? done() : this.#busboy.end()));
  }

  /** What there is now to be handed on. */
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
  new SlipwayError('request_invalid', `The body is not the form that it should be: ${why}.`, { cause });

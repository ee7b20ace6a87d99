import { createWriteStream } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Secret } from '@slipway/shared/config';
import { SlipwayError } from '@slipway/shared/errors';
import { payloadHmac, signatureMatches } from '@slipway/shared/signing';

interface SpoolOptions {
  readonly request: IncomingMessage;
  /** The file to write; it must not exist. Whoever asks removes it, whatever the outcome. */
  readonly file: string;
  /** The value of X-Build-Signature. */
  readonly signature: string | undefined;
  /** Any of them may have made it. Undefined where signatures are not checked. */
  readonly secrets: readonly Secret[] | undefined;
  readonly maxBytes: number;
  /** Told the size of each piece as it arrives. */
  readonly onBytes: (bytes: number) => void;
}

/**
 * Writes a request's body to a file while its HMAC is computed, in constant memory, and returns its size in bytes.
 * Rejects with `body_too_large`, `body_incomplete` when the client breaks off, or `signature_invalid`; then the file
 * must not be looked at.
 */
export async function spoolVerified(options: SpoolOptions): Promise<number> {
  const { request, maxBytes } = options;
  const tooLarge = () => new SlipwayError('body_too_large', `The body is larger than ${maxBytes} bytes.`);
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge();
  const hmacs = options.secrets?.map(payloadHmac);
  let bytes = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      options.onBytes(chunk.length);
      if (bytes > maxBytes) return done(tooLarge());
      for (const hmac of hmacs ?? []) hmac.update(chunk);
      done(null, chunk);
    },
  });
  // A request that is refused early stays open, so that its answer can still be read.
  const received = request.iterator({ destroyOnReturn: false });
  try {
    await pipeline(received, meter, createWriteStream(options.file, { flags: 'wx', mode: 0o600 }));
  } catch (error) {
    if (error instanceof SlipwayError) throw error;
    if (request.complete || !isConnectionFault(error)) throw error;
    throw new SlipwayError('body_incomplete', undefined, { cause: error });
  }
  // Each is compared, whichever fits.
  const fits = hmacs?.filter((hmac) => signatureMatches(options.signature ?? '', hmac));
  if (fits?.length === 0) throw new SlipwayError('signature_invalid');
  return bytes;
}

function isConnectionFault(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ERR_STREAM_DESTROYED';
}

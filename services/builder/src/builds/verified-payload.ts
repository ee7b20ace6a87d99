import { createWriteStream } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { DiskFloor } from '@slipway/shared/blobs';
import type { Secret } from '@slipway/shared/config';
import { SlipwayError } from '@slipway/shared/errors';
import { type UnverifiedPayloads, unverifiedBody } from '@slipway/shared/function-builder';
import { isSignature, payloadHmac, signatureMatches } from '@slipway/shared/signing';

interface PayloadOptions {
  readonly request: IncomingMessage;
  /** The file to write; it must not exist. The caller removes it, whatever the outcome. */
  readonly file: string;
  /** The value of X-Build-Signature. */
  readonly signature: string | undefined;
  /** Any of them may have made it. Undefined where signatures are not checked. */
  readonly secrets: readonly Secret[] | undefined;
  readonly maxBytes: number;
  readonly unverified: UnverifiedPayloads;
  readonly floor: Pick<DiskFloor, 'check'>;
  /** Where the request comes from; see `clientNetwork`. */
  readonly network: string;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
  /** Called with the size of each piece as it arrives. */
  readonly onBytes: (bytes: number) => void;
}

/**
 * Writes a request's body to a file while it computes the HMAC, in constant memory and in the room for payloads that are not verified.
 * Returns the size in bytes.
 * Rejects with `body_too_large`, `body_incomplete` when the client breaks off, `body_too_slow`, `storage_full` or `signature_invalid`;
 * then nothing may read the file.
 */
export async function writeVerified(options: PayloadOptions): Promise<number> {
  const { request, secrets, signature = '', unverified, network, maxBytes, signal } = options;
  if (secrets && !isSignature(signature)) throw new SlipwayError('signature_invalid');
  const arrival = unverified.begin({ network, signal });
  let verdict: 'right' | 'wrong' | undefined;
  try {
    const hmacs = secrets?.map(payloadHmac) ?? [];
    let bytes = 0;
    const body = async function* () {
      for await (const chunk of unverifiedBody({ request, arrival, maxBytes })) {
        bytes += chunk.length;
        options.onBytes(chunk.length);
        await options.floor.check(bytes);
        for (const hmac of hmacs) hmac.update(chunk);
        yield chunk;
      }
    };
    await pipeline(body, createWriteStream(options.file, { flags: 'wx', mode: 0o600 }));
    // All are compared, so that the time does not tell which one fits.
    const fits = hmacs.filter((hmac) => signatureMatches(signature, hmac));
    verdict = secrets === undefined || fits.length > 0 ? 'right' : 'wrong';
    if (verdict === 'right') return bytes;
    // Not a 429 after many of them: to a worker that means that the builder is full.
    throw new SlipwayError('signature_invalid');
  } finally {
    arrival.end(verdict);
  }
}

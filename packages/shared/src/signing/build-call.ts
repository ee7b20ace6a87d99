import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../config/index.js';
import { SlipwayError } from '../errors/index.js';
import { isSignature } from './hmac.js';

/** `t=<seconds since 1970>,v1=<hex HMAC-SHA256>`: the signature of a call that names a build by its id. */
export const callSignatureHeader = 'x-slipway-signature';

/** A call of a builder about the build with an id: `POST /build`, `GET` or `DELETE /builds/{id}`. */
export interface BuildCall {
  readonly method: 'POST' | 'GET' | 'DELETE';
  /** The target of the request: the path and, if it has one, the query. */
  readonly path: string;
  readonly buildId: string;
  /** The value of `X-Build-Signature`, which covers the body; undefined for a call without a body. */
  readonly payloadSignature?: string | undefined;
}

/** Limits the time in which a call can be replayed, and the difference of two clocks. */
const validSeconds = 300;
const emptyHash = createHash('sha256').digest('hex');
const headerPattern = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/i;

const seconds = (at: Date) => Math.floor(at.getTime() / 1_000);

/** Returns true if a call that was signed at one time is accepted by a builder at the other time. */
export const isCallTimely = (signedAt: Date, at: Date): boolean =>
  Math.abs(seconds(at) - seconds(signedAt)) <= validSeconds;

/** Returns the value of `X-Slipway-Signature`. */
export function signBuildCall(options: { secret: Secret; call: BuildCall; at: Date }): string {
  const { secret, call, at } = options;
  return `t=${seconds(at)},v1=${hmacOf(secret, call, String(seconds(at))).toString('hex')}`;
}

/**
 * Throws `signature_missing`, `signature_invalid` when none of the secrets made the signature, or `signature_expired` when one of them
 * made it, but more than five minutes before or after `at`.
 */
export function verifyBuildCall(options: {
  /** The current payload secret and previous ones. */
  secrets: readonly Secret[];
  call: BuildCall;
  header: string | undefined;
  at: Date;
}): void {
  const { secrets, call, header, at } = options;
  if (header === undefined)
    throw new SlipwayError('signature_missing', 'A call with a build id needs X-Slipway-Signature.');
  const [, time = '', hex = ''] = headerPattern.exec(header) ?? [];
  if (hex === '')
    throw new SlipwayError(
      'signature_invalid',
      'X-Slipway-Signature does not have the form t=<seconds>,v1=<64 hexadecimal digits>.',
    );
  const given = Buffer.from(hex, 'hex');
  // All are compared, so that the time does not tell which one fits.
  const fits = secrets.filter((secret) => timingSafeEqual(given, hmacOf(secret, call, time)));
  if (fits.length === 0)
    throw new SlipwayError('signature_invalid', 'X-Slipway-Signature does not match the call.');
  if (!isCallTimely(new Date(Number(time) * 1_000), at))
    throw new SlipwayError(
      'signature_expired',
      `X-Slipway-Signature is of the time ${time}, and the time of the builder is ${seconds(at)}.`,
    );
}

function hmacOf(secret: Secret, call: BuildCall, time: string): Buffer {
  const { method, path, buildId, payloadSignature } = call;
  const hash = payloadSignature === undefined ? emptyHash : payloadHash(payloadSignature);
  return createHmac('sha256', secret.reveal().trim())
    .update([method, path, buildId, time, hash].join('\n'))
    .digest();
}

/** Returns the 64 hexadecimal digits of a value of `X-Build-Signature`, in lower case. Throws `signature_invalid`. */
function payloadHash(signature: string): string {
  if (!isSignature(signature)) throw new SlipwayError('signature_invalid');
  return signature.slice('sha256='.length).toLowerCase();
}

import { createHmac, type Hmac, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../config/index.js';

export const signatureHeader = 'x-build-signature';

/** The running HMAC-SHA256 of a build payload, keyed with the trimmed payload secret (protocol.md). */
export function payloadHmac(secret: Secret): Hmac {
  return createHmac('sha256', secret.reveal().trim());
}

/** The header's value for a finished HMAC: `sha256=<hex>`. */
export function formatSignature(hmac: Hmac): string {
  return `sha256=${hmac.digest('hex')}`;
}

const signaturePattern = /^sha256=([0-9a-f]{64})$/i;

/** Whether a header has the form of a signature. */
export function isSignature(header: string): boolean {
  return signaturePattern.test(header);
}

/** Compares in constant time. False too for a header that is missing or not of the form `sha256=<64 hex digits>`. */
export function signatureMatches(header: string | undefined, hmac: Hmac): boolean {
  const actual = hmac.digest();
  const hex = signaturePattern.exec(header ?? '')?.[1];
  return hex !== undefined && timingSafeEqual(Buffer.from(hex, 'hex'), actual);
}

import { createHmac, type Hmac, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../config/index.js';

export const signatureHeader = 'x-build-signature';

/** Returns an HMAC-SHA256 for a build payload, keyed with the trimmed payload secret (protocol.md). */
export function payloadHmac(secret: Secret): Hmac {
  return createHmac('sha256', secret.reveal().trim());
}

/** Returns the header's value for a finished HMAC: `sha256=<hex>`. */
export function formatSignature(hmac: Hmac): string {
  return `sha256=${hmac.digest('hex')}`;
}

const signaturePattern = /^sha256=([0-9a-f]{64})$/i;

/** Returns true if a header has the form of a signature. */
export function isSignature(header: string): boolean {
  return signaturePattern.test(header);
}

/** Compares in constant time. Returns false for a missing header, or one without the form `sha256=<64 hex digits>`. */
export function signatureMatches(header: string | undefined, hmac: Hmac): boolean {
  const actual = hmac.digest();
  const hex = signaturePattern.exec(header ?? '')?.[1];
  return hex !== undefined && timingSafeEqual(Buffer.from(hex, 'hex'), actual);
}

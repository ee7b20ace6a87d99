import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { Secret } from '../config/index.js';

const nonceBytes = 12;
const tagBytes = 16;

/** A key for one purpose, made from the payload secret by HKDF-SHA-256 (RFC 5869). 32 bytes. */
export function deriveKey(secret: Secret, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret.reveal().trim(), '', `slipway ${purpose} v1`, 32));
}

/**
 * Encrypts a short text for storage with AES-256-GCM. `context` must be the same when it is opened, so that
 * a sealed text copied elsewhere is worth nothing. Base64 of nonce ‖ ciphertext ‖ tag.
 */
export function seal(key: Buffer, text: string, context: string): string {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context));
  return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString(
    'base64',
  );
}

/** Throws when the key or context differs, or a bit was changed. */
export function unseal(key: Buffer, sealed: string, context: string): string {
  const bytes = Buffer.from(sealed, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceBytes), {
    authTagLength: tagBytes,
  })
    .setAAD(Buffer.from(context))
    .setAuthTag(bytes.subarray(-tagBytes));
  return Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()]).toString(
    'utf8',
  );
}

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { PayloadSecrets, Secret } from '../config/index.js';
import { SlipwayError } from '../errors/index.js';

const nonceBytes = 12;
const tagBytes = 16;

/** 32 bytes that encrypt texts. During a rotation of the payload secret there are several: the first encrypts, and each decrypts. */
export type SealingKey = Buffer | readonly [Buffer, ...Buffer[]];

/** Derives a key for one purpose from the payload secret with HKDF-SHA-256 (RFC 5869). 32 bytes. */
export function deriveKey(secret: Secret, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret.reveal().trim(), '', `slipway ${purpose} v1`, 32));
}

/** Derives the same keys from the current and the previous payload secrets. */
export function deriveKeys(
  { payloadSecret, previousPayloadSecrets }: PayloadSecrets,
  purpose: string,
): SealingKey {
  const previous = previousPayloadSecrets.map((secret) => deriveKey(secret, purpose));
  return [deriveKey(payloadSecret, purpose), ...previous];
}

const all = (key: SealingKey): readonly [Buffer, ...Buffer[]] => (Buffer.isBuffer(key) ? [key] : key);

/**
 * Encrypts a short text for storage with AES-256-GCM. Decryption needs the same `context`, so that a copy stored elsewhere is
 * useless. Returns base64 of nonce ‖ ciphertext ‖ tag.
 */
export function seal(key: SealingKey, text: string, context: string): string {
  const [current] = all(key);
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', current, nonce).setAAD(Buffer.from(context));
  return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString(
    'base64',
  );
}

/** Decrypts a text. Throws `secret_unreadable` when no key fits, the context differs, or a bit was changed. */
export function unseal(key: SealingKey, sealed: string, context: string): string {
  return opened(key, sealed, context).text;
}

/** Reseals a text that the first key does not open; returns undefined for one that it opens. Throws like `unseal`. */
export function reseal(key: SealingKey, sealed: string, context: string): string | undefined {
  const { text, isCurrent } = opened(key, sealed, context);
  return isCurrent ? undefined : seal(key, text, context);
}

function opened(key: SealingKey, sealed: string, context: string) {
  let cause: unknown;
  for (const [at, each] of all(key).entries()) {
    try {
      return { text: decrypted(each, sealed, context), isCurrent: at === 0 };
    } catch (error) {
      // The cipher only reports that the key does not fit.
      cause ??= error;
    }
  }
  throw new SlipwayError('secret_unreadable', undefined, { cause });
}

function decrypted(key: Buffer, sealed: string, context: string): string {
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

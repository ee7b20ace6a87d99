import nacl from 'tweetnacl';
import { Secret } from '../config/index.js';

export interface KeyPair {
  /** 32 bytes in base64. */
  readonly publicKey: string;
  /** 32 bytes in base64. */
  readonly privateKey: Secret;
}

/** Returns a new Curve25519 key pair, in the form of `faas-cli` and OpenFaaS' Go SDK. */
export function generateKeyPair(): KeyPair {
  const { publicKey, secretKey } = nacl.box.keyPair();
  const pair = { publicKey: base64(publicKey), privateKey: new Secret(base64(secretKey)) };
  secretKey.fill(0);
  return pair;
}

/** Returns the public key. Throws an Error without the key when it is not 32 bytes in base64. */
export function publicKeyOf(privateKey: Secret): string {
  const secretKey = decodeKey(privateKey.reveal());
  const { publicKey } = nacl.box.keyPair.fromSecretKey(secretKey);
  secretKey.fill(0);
  return base64(publicKey);
}

/** Returns the key id in a sealed file: the first 8 characters of the public key in base64. */
export function keyIdOf(publicKey: string): string {
  return base64(decodeKey(publicKey)).slice(0, 8);
}

/** Returns the 32 bytes of a key. Ignores white space around it. */
export function decodeKey(text: string): Uint8Array {
  const bytes = fromBase64(text.trim());
  if (bytes?.length !== nacl.box.publicKeyLength) throw new Error('is not a key of 32 bytes in base64');
  return bytes;
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}

/** Decodes base64 as strictly as Go's decoder: the standard alphabet, padded. */
export function fromBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  const bytes = new Uint8Array(Buffer.byteLength(text, 'base64'));
  bytes.set(Buffer.from(text, 'base64'));
  return bytes;
}

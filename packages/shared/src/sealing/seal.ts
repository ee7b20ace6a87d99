import nacl from 'tweetnacl';
import { stringify } from 'yaml';
import type { Secret } from '../config/index.js';
import { base64, decodeKey, keyIdOf } from './keys.js';
import {
  algorithm,
  invalid,
  isSecretName,
  maxSealedBytes,
  maxSecretBytes,
  maxSecrets,
  nonceBytes,
  type SealedSecrets,
  version,
} from './sealed.js';
import { SecretBytes } from './secret-bytes.js';

interface SealOptions {
  /** The receiver's public key: 32 bytes in base64. */
  readonly publicKey: string;
  readonly secrets: ReadonlyMap<string, SecretBytes>;
}

/**
 * Seals secrets into `com.openfaas.secrets`: NaCl box (Curve25519, XSalsa20, Poly1305) from a one-time key, each value separately;
 * names stay readable. Throws `secrets_invalid` for secrets that a builder would refuse, and an Error for an invalid key.
 */
export function sealSecrets({ publicKey, secrets }: SealOptions): Buffer {
  if (secrets.size > maxSecrets) throw invalid(`there are more than ${maxSecrets} secrets`);
  const recipient = decodeKey(publicKey);
  const sender = nacl.box.keyPair();
  const shared = nacl.box.before(recipient, sender.secretKey);
  const sealed: Record<string, string> = {};
  // Sorted like the output of the Go SDK, so that a file under version control changes only where needed.
  for (const [name, value] of [...secrets].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!isSecretName(name))
      throw invalid(`${JSON.stringify(name)} is not a name of letters, digits, \`.\`, \`_\`, \`-\``);
    if (value.length > maxSecretBytes) throw invalid(`${name} is larger than ${maxSecretBytes} bytes`);
    const nonce = nacl.randomBytes(nonceBytes);
    const box = nacl.box.after(value.reveal(), nonce, shared);
    sealed[name] = base64(Buffer.concat([nonce, box]));
  }
  const envelope = {
    version,
    algorithm,
    key_id: keyIdOf(publicKey),
    public_key: base64(sender.publicKey),
    secrets: sealed,
  };
  sender.secretKey.fill(0);
  shared.fill(0);
  const content = Buffer.from(stringify(envelope, { indent: 4, lineWidth: 0, version: '1.1' }));
  if (content.length > maxSealedBytes) throw invalid(`together they are larger than ${maxSealedBytes} bytes`);
  return content;
}

interface OpenOptions {
  readonly sealed: SealedSecrets;
  readonly privateKey: Secret;
}

/**
 * Opens sealed secrets. The caller wipes the result after use. Throws `secrets_invalid` when a value was sealed for another key or
 * was changed; then it wipes the opened ones.
 */
export function openSecrets({ sealed, privateKey }: OpenOptions): ReadonlyMap<string, SecretBytes> {
  const secretKey = decodeKey(privateKey.reveal());
  const shared = nacl.box.before(sealed.senderKey, secretKey);
  secretKey.fill(0);
  const opened = new Map<string, SecretBytes>();
  try {
    for (const [name, value] of sealed.values) {
      const clear = nacl.box.open.after(value.subarray(nonceBytes), value.subarray(0, nonceBytes), shared);
      if (!clear) throw invalid(`${name} was sealed for another key, or was changed`);
      opened.set(name, new SecretBytes(clear));
    }
    return opened;
  } catch (error) {
    for (const value of opened.values()) value.wipe();
    throw error;
  } finally {
    shared.fill(0);
  }
}

import { z } from 'zod';
import { SlipwayError } from '../errors/index.js';
import { parseUntrustedYaml } from '../yaml/index.js';
import { decodeKey, fromBase64 } from './keys.js';

export const algorithm = 'nacl/box';
export const version = 'v1';
export const nonceBytes = 24;
/** Bytes that Poly1305 adds. */
const tagBytes = 16;

/** The maximum of a whole sealed file. */
export const maxSealedBytes = 1024 * 1024;
export const maxSecrets = 100;
/** BuildKit's limit of a secret. */
export const maxSecretBytes = 500 * 1024;

/** Names become ids of `RUN --mount=type=secret,id=…` and parts of command options, so they hold no special characters. */
const secretName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

export function isSecretName(text: string): boolean {
  return secretName.test(text);
}

/** The parsed, still sealed `com.openfaas.secrets`. */
export interface SealedSecrets {
  /** The id of the key that opens it; see `keyIdOf`. */
  readonly keyId: string;
  /** The sender's one-time key. */
  readonly senderKey: Uint8Array;
  /** Nonce and ciphertext, by name. */
  readonly values: ReadonlyMap<string, Uint8Array>;
}

const sealedSchema = z.object({
  version: z.literal(version),
  algorithm: z.literal(algorithm),
  // The Go SDK omits it when it is empty.
  key_id: z.string().max(64).default(''),
  public_key: z.string().max(64),
  // Validated by hand below, because zod drops a key such as `__proto__`, and no secret may get lost.
  secrets: z.custom<Readonly<Record<string, unknown>>>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    'is not a map',
  ),
});

/** Parses `com.openfaas.secrets` (protocol.md). Throws `secrets_invalid` with the error, but without any part of a value. */
export function parseSealedSecrets(content: Uint8Array): SealedSecrets {
  if (content.length > maxSealedBytes) throw invalid(`is larger than ${maxSealedBytes} bytes`);
  const result = sealedSchema.safeParse(parsedYaml(content));
  if (!result.success) {
    const [issue] = result.error.issues;
    throw invalid(`${issue?.path.map(String).join('.') || 'the whole'} does not fit: ${issue?.message}`);
  }
  const { key_id: keyId, public_key: publicKey, secrets } = result.data;
  const entries = Object.entries(secrets);
  if (entries.length > maxSecrets) throw invalid(`holds more than ${maxSecrets} secrets`);
  return { keyId, senderKey: senderKey(publicKey), values: new Map(entries.map(sealedValue)) };
}

/** Reads every scalar as text (the failsafe schema), and refuses aliases, with which a small file could become a large one. */
function parsedYaml(content: Uint8Array): unknown {
  try {
    return parseUntrustedYaml(content, { schema: 'failsafe', maxAliasCount: 0 });
  } catch {
    // The parser's message quotes its input.
    throw invalid('is not YAML of this kind');
  }
}

function senderKey(text: string): Uint8Array {
  try {
    return decodeKey(text);
  } catch (error) {
    throw invalid(`public_key ${(error as Error).message}`);
  }
}

function sealedValue([name, text]: [string, unknown]): [string, Uint8Array] {
  if (!isSecretName(name))
    throw invalid('holds a secret whose name is not of letters, digits, `.`, `_`, `-`');
  const bytes = typeof text === 'string' ? fromBase64(text.trim()) : undefined;
  if (!bytes) throw invalid(`the value of ${name} is not base64`);
  if (bytes.length < nonceBytes + tagBytes) throw invalid(`the value of ${name} is too short`);
  if (bytes.length > nonceBytes + tagBytes + maxSecretBytes)
    throw invalid(`the value of ${name} is larger than ${maxSecretBytes} bytes`);
  return [name, bytes];
}

export function invalid(what: string): SlipwayError {
  return new SlipwayError('secrets_invalid', `The sealed secrets cannot be used: ${what}.`);
}

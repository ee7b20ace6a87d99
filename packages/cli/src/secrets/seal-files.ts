import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Client } from '@slipway/client';
import { SecretBytes, sealSecrets } from '@slipway/shared/sealing';
import { CommandError } from '../command-error.js';
import { exitCodes } from '../exit-codes.js';

/** Names of build secrets with their files. */
export type SecretFiles = Readonly<Record<string, string>>;

interface SealOptions {
  readonly files: SecretFiles;
  /** Base of relative paths. */
  readonly folder: string;
  /** The public key: 32 bytes in base64. */
  readonly publicKey: string;
}

/** Returns the sealed contents of the files as the text of a `com.openfaas.secrets`. Throws `CommandError` for an unreadable file. */
export async function sealFiles({ files, folder, publicKey }: SealOptions): Promise<string> {
  const secrets = new Map<string, SecretBytes>();
  try {
    for (const [name, path] of Object.entries(files)) {
      secrets.set(name, new SecretBytes(await readSecret(name, resolve(folder, path))));
    }
    return said(() => sealSecrets({ publicKey, secrets })).toString('utf8');
  } finally {
    for (const value of secrets.values()) value.wipe();
  }
}

async function readSecret(name: string, path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandError({
      message: `the secret ${name} cannot be read from ${path}: ${code === 'ENOENT' ? 'file not found' : code}`,
      remedy: 'Name the file that holds it.',
      exitCode: exitCodes.usage,
    });
  }
}

/** Returns the public key of the server's builders. */
export async function keyOfServer(client: Client, signal?: AbortSignal): Promise<string> {
  return (await client.getPublicKey({ ...(signal && { signal }) })).public_key;
}

/** Runs sealing code. Its errors become `CommandError`s for the user. */
export function said<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new CommandError({ message: error.message, exitCode: exitCodes.usage });
  }
}

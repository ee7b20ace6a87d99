import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Client } from '@slipway/client';
import { SecretBytes, sealSecrets } from '@slipway/shared/sealing';
import { CommandError } from '../command-error.js';
import { exitCodes } from '../exit-codes.js';

/** Names of build secrets, each with the file that holds it. */
export type SecretFiles = Readonly<Record<string, string>>;

interface SealOptions {
  readonly files: SecretFiles;
  /** What relative paths begin at. */
  readonly folder: string;
  /** 32 bytes in base64. */
  readonly publicKey: string;
}

/** Seals what the files hold, as it is, into the text of a `com.openfaas.secrets`. Throws `CommandError` for a file that cannot be read. */
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
      message: `the secret ${name} cannot be read from ${path}: ${code === 'ENOENT' ? 'there is no such file' : code}`,
      remedy: 'Name the file that holds it.',
      exitCode: exitCodes.usage,
    });
  }
}

/** What the builders of the server want secrets to be sealed with. */
export async function keyOfServer(client: Client, signal?: AbortSignal): Promise<string> {
  return (await client.getPublicKey({ ...(signal && { signal }) })).public_key;
}

/** What the code that seals and opens has to say, for someone at a command line. */
export function said<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new CommandError({ message: error.message, exitCode: exitCodes.usage });
  }
}

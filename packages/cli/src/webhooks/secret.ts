import { readFile } from 'node:fs/promises';
import { CommandError } from '../command-error.js';
import { exitCodes } from '../exit-codes.js';

const secret = /^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/;
const remedy =
  'It is whsec_ and 24 to 64 random bytes in base64: echo "whsec_$(openssl rand -base64 32)" > FILE';

/** Returns the webhook secret in a file, or undefined without a file. The content is never shown. */
export async function secretFrom(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return checkSecret((await readFile(file, 'utf8')).trim(), file);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError({
      message: `the secret cannot be read: ${(error as Error).message}`,
      exitCode: exitCodes.usage,
    });
  }
}

/** Returns the secret. Throws an error that does not show it when it is invalid; `where` names its origin. */
export function checkSecret(text: string, where: string): string {
  if (secret.test(text)) return text;
  throw new CommandError({
    message: `${where} holds no webhook secret`,
    remedy,
    exitCode: exitCodes.usage,
  });
}

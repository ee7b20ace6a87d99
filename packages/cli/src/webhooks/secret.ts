import { readFile } from 'node:fs/promises';
import { CommandError } from '../command-error.js';
import { exitCodes } from '../exit-codes.js';

const secret = /^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/;
const remedy =
  'It is whsec_ and 24 to 64 random bytes in base64: echo "whsec_$(openssl rand -base64 32)" > FILE';

/** The secret of a webhook that a file holds; undefined without a file. What stands there is never shown. */
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

/** The secret as it is. Throws, without showing it, when it is none; `where` says where it came from. */
export function checkSecret(text: string, where: string): string {
  if (secret.test(text)) return text;
  throw new CommandError({
    message: `${where} holds no secret of a webhook`,
    remedy,
    exitCode: exitCodes.usage,
  });
}

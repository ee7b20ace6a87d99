import { readFile } from 'node:fs/promises';
import type { TenantSettings } from '@slipway/client';
import { parse } from 'yaml';
import { CommandError } from '../command-error.js';
import { exitCodes } from '../exit-codes.js';

/** The settings of a tenant in a file, YAML or JSON; the server sees whether they are. */
export async function readSettings(path: string): Promise<TenantSettings> {
  const refuse = (what: string) =>
    new CommandError({ message: `${path} cannot be used: ${what}`, exitCode: exitCodes.usage });
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw refuse(error.code === 'ENOENT' ? 'there is no such file' : String(error.code));
  });
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    throw refuse((error as Error).message);
  }
  if (value === null || typeof value !== 'object') throw refuse('it does not hold settings');
  return value as TenantSettings;
}

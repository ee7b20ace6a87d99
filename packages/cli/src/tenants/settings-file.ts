import { readFile } from 'node:fs/promises';
import type { TenantSettings } from '@slipway/client';
import { parse } from 'yaml';
import { CommandError } from '../command-error.js';
import { exitCodes } from '../exit-codes.js';

/** Reads the settings of a tenant from a YAML or JSON file. The server validates them. */
export async function readSettings(path: string): Promise<TenantSettings> {
  const refuse = (what: string) =>
    new CommandError({ message: `${path} cannot be used: ${what}`, exitCode: exitCodes.usage });
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw refuse(error.code === 'ENOENT' ? 'file not found' : String(error.code));
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

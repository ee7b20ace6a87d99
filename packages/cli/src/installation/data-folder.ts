import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

type Env = Readonly<Record<string, string | undefined>>;

/** Returns the data folder of `slipway up`: the given one, else SLIPWAY_DATA, else by the XDG Base Directory Specification. */
export function dataFolder({ given, env }: { given: string | undefined; env: Env }): string {
  if (given !== undefined) return resolve(given);
  if (env.SLIPWAY_DATA) return resolve(env.SLIPWAY_DATA);
  // The specification says to ignore a relative path in XDG_DATA_HOME.
  const base = env.XDG_DATA_HOME?.startsWith('/') ? env.XDG_DATA_HOME : join(homedir(), '.local', 'share');
  return join(base, 'slipway');
}

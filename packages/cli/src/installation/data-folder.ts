import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

type Env = Readonly<Record<string, string | undefined>>;

/** Where `slipway up` keeps everything: as given, else SLIPWAY_DATA, else by the XDG Base Directory Specification. */
export function dataFolder({ given, env }: { given: string | undefined; env: Env }): string {
  if (given !== undefined) return resolve(given);
  if (env.SLIPWAY_DATA) return resolve(env.SLIPWAY_DATA);
  // A relative path in XDG_DATA_HOME is to be ignored, says the specification.
  const base = env.XDG_DATA_HOME?.startsWith('/') ? env.XDG_DATA_HOME : join(homedir(), '.local', 'share');
  return join(base, 'slipway');
}

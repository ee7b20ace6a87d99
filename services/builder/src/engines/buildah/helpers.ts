import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readDockerConfig } from '@slipway/shared/docker-config';

interface HelpersOptions {
  /** The folder of `config.json`. */
  readonly dockerConfig: string;
  /** A folder of the build, which its steps do not see; see `helpersFolder`. */
  readonly folder: string;
  /** Where the helpers are. */
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Writes a script for each credential helper of the Docker config that gives the helper `env`. The folder stands first on the PATH of buildah. buildah itself must not
 * have `env`: a step runs in the process namespace of buildah, and could read the environment of buildah in /proc.
 */
export async function writeHelpers({ dockerConfig, folder, path, env }: HelpersOptions): Promise<void> {
  if (Object.keys(env).length === 0) return;
  const { credHelpers, credsStore } = await readDockerConfig(dockerConfig);
  const names = [...Object.values(credHelpers ?? {}), credsStore ?? ''];
  const usable = new Set(names.filter((name) => /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)));
  if (usable.size === 0) return;
  await mkdir(folder, { mode: 0o700 });
  const variables = join(folder, 'env');
  const assignments = Object.entries(env).map(([name, value]) => `${name}=${quoted(value)}\n`);
  await writeFile(variables, assignments.join(''), { mode: 0o600 });
  for (const name of usable) {
    const program = `docker-credential-${name}`;
    const script = `#!/bin/sh\nset -a\n. ${quoted(variables)}\nPATH=${quoted(path)}\nexec ${quoted(program)} "$@"\n`;
    await writeFile(join(folder, program), script, { mode: 0o700 });
  }
}

/** Quotes a text as one word for a shell. */
const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readDockerConfig } from '@slipway/shared/docker-config';

/**
 * A registries.conf that allows plain http with `hosts` alone, and takes a bare image name to be one of Docker Hub's.
 * The system's drop-in files (registries.conf.d) still apply: an operator sets mirrors there.
 */
export function registriesConf(hosts: readonly string[]): string {
  const registries = hosts.map(
    (host) => `[[registry]]\nlocation = ${JSON.stringify(host)}\ninsecure = true\n`,
  );
  return [
    'unqualified-search-registries = ["docker.io"]\nshort-name-mode = "disabled"\n',
    ...registries,
  ].join('\n');
}

interface Policy {
  readonly default: unknown;
  readonly transports?: Readonly<Record<string, unknown>>;
}

const acceptAnything = [{ type: 'insecureAcceptAnything' }];

/**
 * Returns a policy of containers/image (`containers-policy.json`) that takes images from registries alone, on the terms of the machine's own policy, and
 * refuses every other transport. It stands behind the check of names: a name that the check reads differently from buildah is refused by buildah.
 */
export async function registryPolicy(env: Readonly<Record<string, string | undefined>>): Promise<string> {
  const { default: otherwise, transports = {} } = (await ownPolicy(env)) ?? { default: acceptAnything };
  const docker = { '': otherwise, ...(transports.docker as object | undefined) };
  return JSON.stringify({ default: [{ type: 'reject' }], transports: { docker } });
}

/** The policy that buildah would use: of the user, else of the system. */
async function ownPolicy({
  HOME,
  XDG_CONFIG_HOME,
}: Readonly<Record<string, string | undefined>>): Promise<Policy | undefined> {
  const config = XDG_CONFIG_HOME ?? (HOME === undefined ? undefined : join(HOME, '.config'));
  const files = [
    ...(config === undefined ? [] : [join(config, 'containers/policy.json')]),
    '/etc/containers/policy.json',
  ];
  for (const file of files) {
    try {
      return JSON.parse(await readFile(file, 'utf8')) as Policy;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        throw new Error(`${file} cannot be read: ${(error as Error).message}`);
    }
  }
  return undefined;
}

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

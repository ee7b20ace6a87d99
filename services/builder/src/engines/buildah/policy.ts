import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

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

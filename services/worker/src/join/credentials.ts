import { readDockerConfig } from '@slipway/shared/docker-config';
import { askHelper, type RegistryCredentials } from './credential-helper.js';

interface CredentialsOptions {
  /** `host[:port]`. */
  readonly registry: string;
  /** The folder of `config.json`. */
  readonly folder: string;
  /** The environment of credential helpers. */
  readonly helperEnv: Readonly<Record<string, string>>;
}

const dockerHub = 'docker.io';

/** Returns what a Docker config has for a registry, read again each time: from its helper, else from `auths`. Undefined when there is nothing. */
export async function credentialsFor({
  registry,
  folder,
  helperEnv,
}: CredentialsOptions): Promise<RegistryCredentials | undefined> {
  const { auths, credHelpers, credsStore } = await readDockerConfig(folder);
  const helper = valueFor(credHelpers, registry) ?? (credsStore || undefined);
  if (helper !== undefined) {
    const name = registry === dockerHub ? 'https://index.docker.io/v1/' : registry;
    const found = await askHelper({ name: helper, registry: name, env: helperEnv });
    if (found) return found;
  }
  const entry = valueFor(auths, registry);
  if (entry?.auth === undefined || entry.auth === '') return undefined;
  const [username = '', ...rest] = Buffer.from(entry.auth, 'base64').toString('utf8').split(':');
  return { username, password: entry.identitytoken ?? rest.join(':') };
}

function valueFor<T>(
  entries: Readonly<Record<string, T>> | null | undefined,
  registry: string,
): T | undefined {
  return Object.entries(entries ?? {}).find(([key]) => hostOf(key) === registry)?.[1];
}

/** Keys are hosts, or URLs as older clients wrote them. */
function hostOf(key: string): string {
  const host = key.replace(/^https?:\/\//, '').split('/', 1)[0] ?? '';
  return host === 'index.docker.io' ? dockerHub : host;
}

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface RegistryCredentials {
  readonly username: string;
  readonly password: string;
}

interface DockerConfig {
  readonly auths?: Readonly<Record<string, { readonly auth?: string; readonly identitytoken?: string }>>;
}

const dockerHub = 'docker.io';

/** What a Docker config (`config.json` of a folder) has for a registry, read anew each time; undefined when there is nothing. */
export async function credentialsFor(
  registry: string,
  folder: string,
): Promise<RegistryCredentials | undefined> {
  const text = await readFile(join(folder, 'config.json'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}';
    throw error;
  });
  const { auths = {} } = JSON.parse(text) as DockerConfig;
  const entry = Object.entries(auths).find(([key]) => hostOf(key) === registry)?.[1];
  if (entry?.auth === undefined || entry.auth === '') return undefined;
  const [username = '', ...rest] = Buffer.from(entry.auth, 'base64').toString('utf8').split(':');
  return { username, password: entry.identitytoken ?? rest.join(':') };
}

/** Keys are hosts, or URLs as older clients wrote them. */
function hostOf(key: string): string {
  const host = key.replace(/^https?:\/\//, '').split('/', 1)[0] ?? '';
  return host === 'index.docker.io' ? dockerHub : host;
}

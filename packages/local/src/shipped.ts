import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

interface ComposeFile {
  readonly services: Readonly<
    Record<string, { readonly command?: readonly string[]; readonly environment?: Record<string, string> }>
  >;
}

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Reads docker-compose.yml with the default of each variable. */
async function composeFile(): Promise<ComposeFile> {
  const text = await readFile(join(root, 'docker-compose.yml'), 'utf8');
  return parse(text.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1'), { merge: true }) as ComposeFile;
}

/** Returns the arguments with which docker-compose.yml starts Redis, without its file of users. */
export async function shippedRedisArguments(): Promise<string[]> {
  const { command = [] } = (await composeFile()).services.redis ?? {};
  const [program, ...args] = command;
  const users = args.indexOf('--aclfile');
  if (program !== 'redis-server' || users === -1) {
    throw new Error('docker-compose.yml does not start Redis with a file of users.');
  }
  return args.toSpliced(users, 2);
}

/** Returns the bounds on the heap that docker-compose.yml gives a service. */
export async function shippedHeap(service: 'api' | 'worker' | 'builder'): Promise<string> {
  const { services } = await composeFile();
  const { environment } = services[service === 'builder' ? 'builder-1' : service] ?? {};
  if (environment?.NODE_OPTIONS === undefined)
    throw new Error(`docker-compose.yml bounds no heap of ${service}.`);
  return environment.NODE_OPTIONS;
}

/** Users of a Redis that is started with a file of users. */
export interface RedisUsers {
  readonly aclFile: string;
  /** The user that the handle's URL names. */
  readonly user: string;
  readonly password: string;
}

interface ShippedUsersOptions {
  /** Where the files are written; what is there already is kept. */
  readonly folder: string;
  /** Adds an administrator, whom the handle's URL names. For test harnesses that inspect Redis from outside. */
  readonly administrator?: boolean;
}

export interface ShippedUsers extends RedisUsers {
  /** Returns the environment that a service needs to connect to the Redis at this URL, whose user does not count. */
  env(url: string): { readonly REDIS_URL: string; readonly REDIS_PASSWORD_FILE: string };
}

/** Writes docs/redis-users.acl with a password of its own. */
export async function shippedUsers({
  folder,
  administrator = false,
}: ShippedUsersOptions): Promise<ShippedUsers> {
  const passwordFile = join(folder, 'redis-password');
  const password = await keptSecret(passwordFile);
  const shipped = (await readFile(join(root, 'docs', 'redis-users.acl'), 'utf8')).trim();
  const lines = [shipped.replace('>PASSWORD', `>${password}`)];
  const user = administrator ? 'administrator' : 'slipway';
  if (administrator) lines.push(`user ${user} on >${password} ~* &* +@all`);
  const aclFile = join(folder, 'redis-users.acl');
  await writeFile(aclFile, `${lines.join('\n')}\n`, { mode: 0o600 });
  return {
    ...{ aclFile, user, password },
    env: (url) => ({
      REDIS_URL: url.replace(/:\/\/(?:.*@)?/, '://slipway@'),
      REDIS_PASSWORD_FILE: passwordFile,
    }),
  };
}

async function keptSecret(path: string): Promise<string> {
  const secret = randomBytes(24).toString('hex');
  try {
    await writeFile(path, `${secret}\n`, { flag: 'wx', mode: 0o600 });
    return secret;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return (await readFile(path, 'utf8')).trim();
  }
}

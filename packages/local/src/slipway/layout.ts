import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where everything lies in the data folder. */
export interface Layout {
  readonly logs: string;
  readonly redis: string;
  readonly registry: string;
  readonly blobs: string;
  readonly engines: string;
  /** Contexts of builds that run. */
  readonly work: string;
  readonly token: string;
  readonly tokenFile: string;
  readonly payloadSecretFile: string;
}

/** Makes the folders and secrets that are not there yet, for their owner alone. */
export async function prepareLayout(dir: string): Promise<Layout> {
  const folder = async (name: string) => {
    const path = join(dir, name);
    await mkdir(path, { recursive: true, mode: 0o700 });
    return path;
  };
  const secrets = await folder('secrets');
  const tokenFile = join(secrets, 'api-token');
  const payloadSecretFile = join(secrets, 'payload-secret');
  const token = await secretFile({ path: tokenFile, prefix: 'slp_' });
  await secretFile({ path: payloadSecretFile, prefix: '' });
  return {
    logs: await folder('logs'),
    redis: await folder('redis'),
    registry: await folder('registry'),
    blobs: await folder('blobs'),
    engines: await folder('engines'),
    work: await folder('work'),
    token,
    tokenFile,
    payloadSecretFile,
  };
}

/** What the file holds, trimmed; a new secret where there is no such file. */
async function secretFile({ path, prefix }: { path: string; prefix: string }): Promise<string> {
  const secret = `${prefix}${randomBytes(24).toString('base64url')}`;
  try {
    await writeFile(path, `${secret}\n`, { flag: 'wx', mode: 0o600 });
    return secret;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return (await readFile(path, 'utf8')).trim();
  }
}

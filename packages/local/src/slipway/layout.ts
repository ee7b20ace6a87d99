import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where everything lies in the data folder. */
export interface Layout {
  readonly secrets: string;
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
  /** The private key that the builders open build secrets with. */
  readonly buildSecretsKeyFile: string;
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
  const token = await secretFile({ path: tokenFile, make: () => `slp_${randomSecret()}` });
  await secretFile({ path: payloadSecretFile });
  const buildSecretsKeyFile = join(secrets, 'build-secrets-key');
  // Any 32 bytes are a private key of Curve25519 (RFC 7748).
  await secretFile({ path: buildSecretsKeyFile, make: () => randomBytes(32).toString('base64') });
  return {
    secrets,
    logs: await folder('logs'),
    redis: await folder('redis'),
    registry: await folder('registry'),
    blobs: await folder('blobs'),
    engines: await folder('engines'),
    work: await folder('work'),
    token,
    tokenFile,
    payloadSecretFile,
    buildSecretsKeyFile,
  };
}

const randomSecret = () => randomBytes(24).toString('base64url');

interface SecretFile {
  readonly path: string;
  readonly make?: () => string;
}

/** Returns the trimmed content of the file. Creates the file with a new secret if it is missing. */
async function secretFile({ path, make = randomSecret }: SecretFile): Promise<string> {
  const secret = make();
  try {
    await writeFile(path, `${secret}\n`, { flag: 'wx', mode: 0o600 });
    return secret;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return (await readFile(path, 'utf8')).trim();
  }
}

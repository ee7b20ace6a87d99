import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { repositoryName, type SshHost, type SshKey, sshUrl } from '@slipway/shared/git';
import { z } from 'zod';

const hostKey = z
  .string()
  .regex(
    /^(?:ssh-(?:ed25519|rsa)|ecdsa-sha2-nistp(?:256|384|521)) [A-Za-z0-9+/]+=*$/,
    'must be a type and a key in base64, as ssh-keyscan prints them behind the name of the host',
  )
  .refine((line) => {
    const [type = '', key = ''] = line.split(' ');
    const bytes = Buffer.from(key, 'base64');
    return bytes.length > 4 && bytes.toString('latin1', 4, 4 + bytes.readUInt32BE()) === type;
  }, 'must hold a key of the type that it names');

const repository = z
  .string()
  .min(1)
  .regex(/^[^*]*(?:\/\*)?$/, 'must be owner/repository or owner/*')
  .transform((path) => (path.endsWith('*') ? path.replace(/^\/+/, '') : repositoryName(path)));

const fileSchema = z.record(
  z.string().toLowerCase(),
  z.strictObject({
    host_keys: z.array(hostKey).min(1),
    keys: z
      .array(
        z.strictObject({
          file: z.string().min(1),
          user: z.string().default('git'),
          tenants: z.array(z.string().min(1)).min(1),
          repositories: z.array(repository).min(1).optional(),
        }),
      )
      .min(1),
  }),
);

/** Reads the hosts and keys of GIT_SSH_FILE. Its errors never quote a key. */
export function readSshFile(path: string, searchPath: string): ReadonlyMap<string, SshHost> {
  if (path === '') return new Map();
  const { data, error } = fileSchema.safeParse(readJson(path));
  const [issue] = error?.issues ?? [];
  if (issue)
    throw new Error(`names a file whose ${issue.path.join(' › ') || 'content'} is wrong: ${issue.message}`);
  const hosts = Object.entries(data ?? {}).map(([name, { host_keys: hostKeys, keys }]) => {
    const url = sshUrl(`ssh://${name}/x`);
    if (typeof url === 'string' || url.host !== name)
      throw new Error(
        `names a file with the host '${name}', which is neither host nor host:port (22 is left out)`,
      );
    return [name, { hostKeys, keys: keys.map((key) => readKey(key, { path, searchPath })) }] as const;
  });
  return new Map(hosts);
}

function readJson(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
  try {
    return JSON.parse(text);
  } catch {
    // The error of the parser quotes the file.
    throw new Error('does not name a file of JSON');
  }
}

type GivenKey = z.output<typeof fileSchema>[string]['keys'][number];

function readKey(
  { file, user, tenants, repositories }: GivenKey,
  { path, searchPath }: { readonly path: string; readonly searchPath: string },
): SshKey {
  const absolute = resolve(dirname(path), file);
  return { file: absolute, publicKey: publicKeyOf(absolute, searchPath), user, tenants, repositories };
}

/** Messages of ssh-keygen for keys that ssh would reject, with our text. */
const faults: readonly (readonly [RegExp, string])[] = [
  [/passphrase/i, 'has a passphrase; remove it with ssh-keygen -p, or make a key without one'],
  [/permissions/i, 'may be read by others than its owner; ssh refuses it. Run chmod 600'],
  [/permission denied/i, 'may not be read by this process'],
  [/no such file/i, 'does not exist'],
];

/** Returns the public key of a private key, as ssh reads it. */
function publicKeyOf(file: string, searchPath: string): string {
  try {
    const args = ['-y', '-P', '', '-f', file];
    const env = { PATH: searchPath, LC_ALL: 'C' };
    const text = execFileSync('ssh-keygen', args, {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      encoding: 'utf8',
    });
    return text.trim().split(' ').slice(0, 2).join(' ');
  } catch (error) {
    const { code, stderr } = error as { readonly code?: string; readonly stderr?: string };
    if (code === 'ENOENT')
      throw new Error('needs the ssh client, which is not on PATH: install openssh-client');
    const [, fault] = faults.find(([match]) => match.test(stderr ?? '')) ?? [];
    throw new Error(`names the key file ${file}, which ${fault ?? 'holds no private key that ssh can read'}`);
  }
}

// Writes the secrets that docker-compose.yml reads into ./secrets. What is there already is kept, but for the rights of Redis' users.
// Usage: node scripts/secrets.mjs [folder]
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { root } from './setup/commands.mjs';

const folder = resolve(process.argv[2] ?? join(root, 'secrets'));
mkdirSync(folder, { recursive: true });
// The folder keeps other people of this machine out. The files are readable by all, because compose mounts them
// with the owner and mode they have here, and the containers run as a user that need not be their owner.
chmodSync(folder, 0o700);
const contents = {
  'api-token': () => randomBytes(32).toString('hex'),
  'payload-secret': () => randomBytes(32).toString('hex'),
  'build-secrets-key': curve25519Key,
  'redis-password': () => randomBytes(32).toString('hex'),
  'redis-users.acl': redisUsers,
  'grafana-password': () => randomBytes(32).toString('hex'),
};
for (const [name, make] of Object.entries(contents)) {
  const path = join(folder, name);
  try {
    writeFileSync(path, `${make()}\n`, { flag: 'wx', mode: 0o444 });
    // The mode above is cut by the umask.
    chmodSync(path, 0o444);
    process.stdout.write(`written: ${path}\n`);
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    const updated = name === 'redis-users.acl' && updateRedisUsers(path);
    process.stdout.write(`${updated ? 'updated' : 'kept'}: ${path}\n`);
  }
}

/** Returns the rights of the services' user in Redis, with the hash of its password. */
function redisUsers() {
  const password = readFileSync(join(folder, 'redis-password'), 'utf8').trim();
  const hash = createHash('sha256').update(password).digest('hex');
  return readFileSync(join(root, 'docs', 'redis-users.acl'), 'utf8')
    .trim()
    .replace('>PASSWORD', `#${hash}`);
}

/**
 * Corrects a file that an older version wrote: with `user default off` alone Redis drops transactions while it loads its append-only file.
 * Returns whether something was wrong. The file keeps its inode, since compose mounts it.
 */
function updateRedisUsers(path) {
  const text = readFileSync(path, 'utf8');
  const [, keys = '~{slipway}:*'] = /^user slipway .*?(~\S+)/m.exec(text) ?? [];
  const updated = text
    .replace(/^user default off[ \t]*$/m, `user default off ${keys} +@write`)
    .replace(/^user slipway (?!.*\+acl\|getuser).*$/m, (line) => `${line} +acl|getuser`);
  if (updated === text) return false;
  chmodSync(path, 0o644);
  writeFileSync(path, updated);
  chmodSync(path, 0o444);
  return true;
}

/** A private key that builders open build secrets with: its 32 bytes in base64. They hand out the public one themselves. */
function curve25519Key() {
  const { d } = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' });
  return Buffer.from(d, 'base64url').toString('base64');
}

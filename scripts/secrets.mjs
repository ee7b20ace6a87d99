// Writes the secrets that docker-compose.yml reads into ./secrets. What is there already is kept.
// Usage: node scripts/secrets.mjs [folder]
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
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
    process.stdout.write(`kept: ${path}\n`);
  }
}

/** A private key that builders open build secrets with: its 32 bytes in base64. They hand out the public one themselves. */
function curve25519Key() {
  const { d } = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' });
  return Buffer.from(d, 'base64url').toString('base64');
}

// Writes the secrets that docker-compose.yml reads into ./secrets. What is there already is kept.
// Usage: node scripts/secrets.mjs [folder]
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { root } from './setup/commands.mjs';

const folder = resolve(process.argv[2] ?? join(root, 'secrets'));
mkdirSync(folder, { recursive: true });
// The folder keeps other people of this machine out. The files are readable by all, because compose mounts them
// with the owner and mode they have here, and the containers run as a user that need not be their owner.
chmodSync(folder, 0o700);
for (const name of ['api-token', 'payload-secret']) {
  const path = join(folder, name);
  try {
    writeFileSync(path, `${randomBytes(32).toString('hex')}\n`, { flag: 'wx', mode: 0o444 });
    // The mode above is cut by the umask.
    chmodSync(path, 0o444);
    process.stdout.write(`written: ${path}\n`);
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    process.stdout.write(`kept: ${path}\n`);
  }
}

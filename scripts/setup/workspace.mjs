import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, run, which } from './commands.mjs';
import { SetupError, say, step } from './output.mjs';

const stamp = join(root, '.cache', 'setup', 'installed');
const [major, minor] = process.versions.node.split('.').map(Number);

/** `pnpm@<version>`, as package.json pins it. */
function pinnedPnpm() {
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return packageManager.split('+')[0];
}

export function requireNode() {
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new SetupError(`Node.js 20.19 or newer is needed; this is ${process.version}`);
  }
  if (which('npx') === undefined) {
    throw new SetupError('npx is not on PATH: install npm, which Node.js usually comes with');
  }
}

/** Installs the packages that the lockfile names, unless that was done already for this very lockfile. */
export async function installPackages() {
  const wanted = createHash('sha256')
    .update(`node ${major}\n`)
    .update(readFileSync(join(root, 'pnpm-lock.yaml')))
    .update(readFileSync(join(root, 'pnpm-workspace.yaml')))
    .digest('hex');
  const present = existsSync(stamp) && existsSync(join(root, 'node_modules', '.modules.yaml'));
  if (present && readFileSync(stamp, 'utf8') === wanted) {
    say('packages: as in the lockfile');
    return;
  }
  await step(`packages: ${pinnedPnpm()} install --frozen-lockfile`, async () => {
    // CI=true: pnpm must not ask questions, because no user can answer.
    await run('npx', ['-y', pinnedPnpm(), 'install', '--frozen-lockfile'], { env: { CI: 'true' } });
    mkdirSync(join(stamp, '..'), { recursive: true });
    writeFileSync(stamp, wanted);
  });
}

/** Compiles what has changed. */
export async function build() {
  await step('build', () => run('npm', ['run', '--silent', 'build']));
}

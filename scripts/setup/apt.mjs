import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { run, which } from './commands.mjs';
import { step } from './output.mjs';

// Debian asks this program before it starts a service; 101 means «do not».
const policy = '/usr/sbin/policy-rc.d';

/** Installs packages with apt-get, as root. No service that they bring is started or left to start at boot. */
export async function aptInstall(parts) {
  const packages = parts.map((part) => part.apt);
  await step(`real parts: apt-get install ${packages.join(' ')}`, async () => {
    const forbid = !existsSync(policy);
    const allowAgain = () => rmSync(policy, { force: true });
    if (forbid) {
      writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
      process.once('exit', allowAgain);
    }
    try {
      await aptGet(['update', '-qq']);
      await aptGet(['install', '-qq', '--yes', '--no-install-recommends', ...packages]);
      await disableServices(parts);
    } finally {
      if (forbid) {
        allowAgain();
        process.off('exit', allowAgain);
      }
    }
  });
}

async function aptGet(args) {
  // Another apt-get may hold the lock, as a machine's own updates do after its start.
  await run('apt-get', ['-o', 'DPkg::Lock::Timeout=300', ...args], {
    env: { DEBIAN_FRONTEND: 'noninteractive' },
  });
}

async function disableServices(parts) {
  if (which('update-rc.d') === undefined) return;
  for (const { service } of parts) {
    if (service !== undefined) await run('update-rc.d', [service, 'disable']);
  }
}

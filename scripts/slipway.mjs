// Runs the slipway command of this checkout. Sets the checkout up first if nothing was built yet.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup/commands.mjs';
import { cli, runCli } from './setup/run-cli.mjs';

if (!existsSync(cli)) {
  // Standard output belongs to the command.
  const setup = spawnSync(process.execPath, [join(root, 'scripts', 'setup.mjs')], {
    stdio: ['ignore', 2, 2],
  });
  if (setup.status !== 0) process.exit(setup.status ?? 1);
}
runCli(process.argv.slice(2));

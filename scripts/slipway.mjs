// Runs the slipway command of this checkout. Sets the checkout up first if nothing was built yet.
import { existsSync } from 'node:fs';
import { cli, runCli } from './setup/run-cli.mjs';
import { setupOrExit } from './setup/setup.mjs';

if (!existsSync(cli)) await setupOrExit({ engines: 'one' });
runCli(process.argv.slice(2));

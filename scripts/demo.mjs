// Sets up what is missing, then runs the demo. Arguments are passed on to it.
import { runCli } from './setup/run-cli.mjs';
import { setupOrExit } from './setup/setup.mjs';

await setupOrExit({ engines: 'one' });
runCli(['demo', ...process.argv.slice(2)]);

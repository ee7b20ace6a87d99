// Sets up what is missing, then runs the demo. Arguments are passed on to it.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { environment, root } from './setup/commands.mjs';
import { setupOrExit } from './setup/setup.mjs';

await setupOrExit({ engines: 'one' });
const demo = spawn(
  process.execPath,
  [join(root, 'packages', 'cli', 'dist', 'main.js'), 'demo', ...process.argv.slice(2)],
  { stdio: 'inherit', env: environment() },
);
// Ctrl-C reaches the demo by itself, as it is in the same process group; it stops what it started, then ends.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => demo.kill('SIGTERM'));
demo.on('exit', (code) => {
  process.exitCode = code ?? 1;
});

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { environment, root } from './commands.mjs';

/** The compiled command line of this checkout. */
export const cli = join(root, 'packages', 'cli', 'dist', 'main.js');

/** Runs the command line with `args`. This process ends with its exit code. */
export function runCli(args) {
  const child = spawn(process.execPath, [cli, ...args], { stdio: 'inherit', env: environment() });
  // Ctrl-C reaches the child too, because it is in the same process group. The child stops what it started, then ends.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('exit', (code) => {
    process.exitCode = code ?? 1;
  });
}

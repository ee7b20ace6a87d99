import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { SetupError } from './output.mjs';

/** The folder of this checkout. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** Tools that were built for this checkout alone. */
export const ownBin = join(root, '.cache', 'bin');

const shownOnFailure = 40;

/** This process's environment, with the checkout's own tools first on PATH. */
export function environment(extra = {}) {
  return { ...process.env, PATH: [ownBin, process.env.PATH].join(delimiter), ...extra };
}

/** The absolute path of a program on PATH or among the checkout's own, or undefined. */
export function which(name) {
  return environment()
    .PATH.split(delimiter)
    .filter((folder) => folder.startsWith('/'))
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return statSync(path).isFile();
      } catch {
        return false;
      }
    });
}

/** Returns a program's standard output, or undefined when it cannot be run, fails or hangs. */
export async function output(command, args, { timeoutMs = 10_000 } = {}) {
  try {
    const { stdout } = await promisify(execFile)(command, args, { env: environment(), timeout: timeoutMs });
    return stdout.trim();
  } catch {
    return undefined;
  }
}

/**
 * Runs a program to its end without standard input and returns what it wrote on standard output.
 * Its output is shown only when it fails, as a SetupError with its last lines.
 */
export async function run(command, args, { cwd = root, env = {} } = {}) {
  const child = promisify(execFile)(command, args, {
    cwd,
    env: environment(env),
    maxBuffer: 64 * 1024 * 1024,
  });
  child.child.stdin?.end();
  try {
    return (await child).stdout;
  } catch (error) {
    const printed = `${error.stdout ?? ''}\n${error.stderr ?? ''}`.split('\n').filter((line) => line !== '');
    const reason = error.code === 'ENOENT' ? `${command} is not installed` : `it ended with ${error.code}`;
    throw new SetupError(
      [`this failed: ${command} ${args.join(' ')}`, ...printed.slice(-shownOnFailure), reason].join('\n  '),
    );
  }
}

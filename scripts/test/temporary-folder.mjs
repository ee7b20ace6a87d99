import { mkdirSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const prefix = 'slipway-test-';

/**
 * Creates the folder for the temporary files of this run, and removes the folders of runs that were killed.
 * Its path is short, because tests put sockets into it. `remove` removes the folder and returns what it contained.
 */
export function createTemporaryFolder(parent = realpathSync(tmpdir())) {
  for (const name of readdirSync(parent)) {
    const [, pid] = name.match(`^${prefix}([0-9]+)$`) ?? [];
    if (pid !== undefined && !isRunning(Number(pid)))
      rmSync(join(parent, name), { recursive: true, force: true });
  }
  const path = join(parent, `${prefix}${process.pid}`);
  mkdirSync(path, { mode: 0o700 });
  return {
    path,
    remove() {
      const left = readdirSync(path).sort();
      rmSync(path, { recursive: true, force: true });
      return left;
    },
  };
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

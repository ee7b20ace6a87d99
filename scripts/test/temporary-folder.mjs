import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
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
    if (pid !== undefined && !isRunning(Number(pid))) removeFolder(join(parent, name));
  }
  const path = join(parent, `${prefix}${process.pid}`);
  mkdirSync(path, { mode: 0o700 });
  return {
    path,
    remove() {
      const left = readdirSync(path).sort();
      return [...left, ...removeFolder(path)];
    },
  };
}

/** Removes a folder with what killed processes left mounted in it. Returns what could not be removed. */
function removeFolder(path) {
  const mounts = existsSync('/proc/mounts') ? readFileSync('/proc/mounts', 'utf8').split('\n') : [];
  const places = mounts
    .map((line) => line.split(' ')[1] ?? '')
    .filter((place) => place.startsWith(`${path}/`));
  for (const place of places.reverse()) spawnSync('umount', ['--lazy', '--', place]);
  try {
    rmSync(path, { recursive: true, force: true });
    return [];
  } catch (error) {
    return [`${error.path ?? path} (${error.code})`];
  }
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

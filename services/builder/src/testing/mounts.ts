import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Where something is mounted in a folder, the deepest first. */
export function mountsIn(folder: string): string[] {
  return readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((place) => place.startsWith(`${folder}/`))
    .sort((a, b) => b.length - a.length);
}

const unmount = 'umount';

/** Undoes the mounts in a folder that a killed process has left, so that the folder can be removed. */
export function unmountIn(folder: string): void {
  for (const place of mountsIn(folder)) spawnSync(unmount, ['--lazy', '--', place]);
}

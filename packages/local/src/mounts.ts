import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Returns the mount points below a folder, the deepest first. */
export function mountsIn(folder: string): string[] {
  return readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((place) => place.startsWith(`${folder}/`))
    .sort((a, b) => b.length - a.length);
}

const unmount = 'umount';

/** Unmounts what a killed process has left mounted below a folder, so that the folder can be removed. */
export function unmountIn(folder: string): void {
  for (const place of mountsIn(folder)) spawnSync(unmount, ['--lazy', '--', place]);
}

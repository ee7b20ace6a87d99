import { spawnSync } from 'node:child_process';

/** Returns the paths of the files in a folder that contain a text. Leaves out what is mounted in the folder. */
export function filesWith(text: string, folder: string): string[] {
  const args = [folder, '-xdev', '-type', 'f', '-exec', 'grep', '-laF', '--', text, '{}', '+'];
  const { stdout } = spawnSync('find', args, { encoding: 'utf8' });
  return stdout.split('\n').filter((path) => path !== '');
}

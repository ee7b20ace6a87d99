import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContextFiles } from './context-files.js';

/** Returns the files of a folder on this machine. `folder` is an absolute path. */
export function folderContext(folder: string): ContextFiles {
  return {
    async entry(path) {
      const place = join(folder, path);
      const stats = await lstat(place).catch(() => undefined);
      if (stats === undefined) return undefined;
      if (stats.isSymbolicLink()) return { type: 'link', target: await readlink(place) };
      if (stats.isFile()) return { type: 'file', size: stats.size };
      return { type: stats.isDirectory() ? 'folder' : 'other' };
    },
    read: (path) => readFile(join(folder, path)),
    paths: () => readdir(folder, { recursive: true }),
  };
}

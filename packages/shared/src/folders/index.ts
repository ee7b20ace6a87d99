import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Creates a folder and its missing parents. An existing folder stays as it is. Unlike the recursive `mkdir` of Node.js, it rejects
 * where a file system takes no folders: that one tries forever below /proc, which answers ENOENT below an existing folder.
 */
export async function makeFolder(path: string, options: { readonly mode?: number } = {}): Promise<void> {
  try {
    await mkdir(path, options);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
    await makeFolder(dirname(path), options);
    await mkdir(path, options).catch(async (again: NodeJS.ErrnoException) => {
      // Another process may have created it meanwhile.
      if (again.code !== 'EEXIST' || !(await stat(path)).isDirectory()) throw again;
    });
  }
}

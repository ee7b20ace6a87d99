import { constants } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type ContextSelection, selectPaths } from '@slipway/source';
import type { FileStat } from '../protocol/messages.js';

/** `fs.FileMode` of Go. */
const goFolder = 0x80000000;
const goLink = 0x08000000;

export const isFile = ({ mode }: FileStat): boolean => (mode & (goFolder | goLink)) === 0;

/** The entries of a context. The folder is read once, although BuildKit asks for several selections. */
export class ContextListing {
  readonly #folder: string;
  #entries: Promise<ReadonlyMap<string, FileStat>> | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Returns the selected entries and their parent folders, each folder before its content. */
  async select(selection: ContextSelection): Promise<FileStat[]> {
    this.#entries ??= listAll(this.#folder);
    const entries = await this.#entries;
    const stats: FileStat[] = [];
    for (const path of await selectPaths({
      linkOf: (name) => entries.get(name)?.linkTarget || undefined,
      paths: [...entries.keys()],
      selection,
    })) {
      const stat = entries.get(path);
      if (stat) stats.push(stat);
    }
    return stats;
  }
}

/** Returns all entries by their paths, in the order in which BuildKit expects them: names by their bytes, folders before their content. */
async function listAll(folder: string): Promise<ReadonlyMap<string, FileStat>> {
  const entries = new Map<string, FileStat>();
  const visit = async (parent: string): Promise<void> => {
    const names = await readdir(join(folder, parent), { encoding: 'buffer' });
    for (const name of names.sort(Buffer.compare)) {
      const path = parent === '' ? name.toString() : `${parent}/${name.toString()}`;
      const place = join(folder, path);
      const stats = await lstat(place, { bigint: true });
      const permissions = Number(stats.mode) & (constants.S_IRWXU | constants.S_IRWXG | constants.S_IRWXO);
      const plain = { path, size: 0, modified: stats.mtimeNs, linkTarget: '' };
      if (stats.isDirectory()) {
        entries.set(path, { ...plain, mode: (goFolder | permissions) >>> 0 });
        await visit(path);
      } else if (stats.isSymbolicLink()) {
        const linkTarget = await readlink(place);
        entries.set(path, {
          ...plain,
          mode: goLink | 0o777,
          size: Buffer.byteLength(linkTarget),
          linkTarget,
        });
      } else entries.set(path, { ...plain, mode: permissions, size: Number(stats.size) });
    }
  };
  await visit('');
  return entries;
}

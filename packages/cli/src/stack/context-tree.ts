import type { Dirent, Stats } from 'node:fs';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pulledNote, settledNote } from '@slipway/shared/source';
import { CommandError } from '../command-error.js';
import { exitCodes } from '../exit-codes.js';

export interface TreeFile {
  readonly type: 'file';
  /** The file itself, not a link to it. */
  readonly from: string;
  readonly executable: boolean;
  readonly size: number;
  /** What is sent in the place of the file's content. */
  readonly content?: Buffer;
}

type TreeEntry = TreeFile | { readonly type: 'folder' };

/** Files and folders laid over one another, none of which is copied: what a build context will hold. */
export class ContextTree {
  readonly #entries = new Map<string, TreeEntry>();

  /** Paths with `/`, in no order. */
  get entries(): ReadonlyMap<string, TreeEntry> {
    return this.#entries;
  }

  folder(path: string): void {
    if (path === '') return;
    this.folder(parentOf(path));
    if (this.#entries.get(path)?.type === 'file') throw conflict(path);
    this.#entries.set(path, { type: 'folder' });
  }

  /** A file in the place of an earlier one, if there is one. */
  file(path: string, file: TreeFile): void {
    this.folder(parentOf(path));
    if (this.#entries.get(path)?.type === 'folder') throw conflict(path);
    this.#entries.set(path, file);
  }

  /** Has the note of a pulled template sent as the server keeps it, so that both find the same digest. */
  async settleNote(): Promise<void> {
    const note = this.#entries.get(pulledNote.path);
    if (note?.type !== 'file' || note.size > pulledNote.maxBytes) return;
    if (this.#entries.get(pulledNote.beside)?.type !== 'file') return;
    const content = settledNote(await readFile(note.from));
    if (content) this.#entries.set(pulledNote.path, { ...note, content, size: content.length });
  }

  /** Lays a listing at `at`, which is `''` at the root. */
  lay(at: string, listing: Listing): void {
    if (listing.type === 'file') {
      this.file(at, listing);
      return;
    }
    this.folder(at);
    for (const [path, entry] of listing.entries) {
      const full = at === '' ? path : `${at}/${path}`;
      if (entry.type === 'file') this.file(full, entry);
      else this.folder(full);
    }
  }
}

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));

const conflict = (path: string): CommandError =>
  new CommandError({
    message: `${path} is a folder in one part of the context and a file in another`,
    exitCode: exitCodes.usage,
  });

/** What lies at a path on the disk: a file, or a folder with all below it. */
export type Listing =
  | TreeFile
  | { readonly type: 'folder'; readonly entries: readonly (readonly [string, TreeEntry])[] };

interface ListOptions {
  readonly path: string;
  /** Names that are left out at the top, and only there. */
  readonly without?: readonly string[];
}

/**
 * Lists a file, or a folder with all below it, dot files too. Links are followed, as `faas-cli` copies what they lead to. Rejects with
 * `CommandError` for a link to nothing or in a circle, and for devices, pipes and sockets.
 */
export async function listPath({ path, without = [] }: ListOptions): Promise<Listing> {
  const top = await statOf(path);
  if (top.isFile()) return toFile(await realpath(path), top);
  if (!top.isDirectory()) throw unusable(path, 'is neither a file nor a folder');
  const entries: [string, TreeEntry][] = [];
  const visit = async (folder: string, below: string, above: readonly string[]): Promise<void> => {
    const real = await realpath(folder);
    if (above.includes(real)) throw unusable(folder, 'is a link to a folder that it lies in');
    const found: Dirent[] = await readdir(folder, { withFileTypes: true });
    for (const { name } of found.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (below === '' && without.includes(name)) continue;
      const full = join(folder, name);
      const at = below === '' ? name : `${below}/${name}`;
      const stats = await statOf(full);
      if (stats.isDirectory()) {
        entries.push([at, { type: 'folder' }]);
        await visit(full, at, [...above, real]);
      } else if (stats.isFile()) entries.push([at, toFile(await realpath(full), stats)]);
      else throw unusable(full, 'is neither a file nor a folder');
    }
  };
  await visit(path, '', []);
  return { type: 'folder', entries };
}

const toFile = (from: string, { mode, size }: Stats): TreeFile => ({
  type: 'file',
  from,
  executable: (mode & 0o111) !== 0,
  size,
});

async function statOf(path: string): Promise<Stats> {
  try {
    return await stat(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw unusable(path, 'is not there, or a link to what is not there');
    if (code === 'ELOOP') throw unusable(path, 'is a link in a circle');
    throw error;
  }
}

const unusable = (path: string, what: string): CommandError =>
  new CommandError({ message: `${path} ${what}`, exitCode: exitCodes.usage });

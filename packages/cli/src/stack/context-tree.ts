import type { Stats } from 'node:fs';
import { lstat, readdir, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeName, pulledNote, readLinkTarget, settledNote } from '@slipway/source';
import { CommandError, usage } from '../command-error.js';
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

interface TreeLink {
  readonly type: 'link';
  /** As the link has it, wherever it leads. */
  readonly target: string;
}

type TreeEntry = TreeFile | TreeLink | { readonly type: 'folder' };

/** Files, links and folders laid over one another, none of which is copied: what a build context will hold. */
export class ContextTree {
  readonly #entries = new Map<string, TreeEntry>();

  /** Paths with `/`, in no order. */
  get entries(): ReadonlyMap<string, TreeEntry> {
    return this.#entries;
  }

  /** Whether a file is there, or a link on the way to it, of which the builder sees what it leads to. */
  mayHaveFile(path: string): boolean {
    if (this.#entries.get(path)?.type === 'file') return true;
    for (let at = path; at !== ''; at = parentOf(at)) if (this.#entries.get(at)?.type === 'link') return true;
    return false;
  }

  folder(path: string): void {
    if (path === '') return;
    this.folder(parentOf(path));
    if ((this.#entries.get(path)?.type ?? 'folder') !== 'folder') throw conflict(path);
    this.#entries.set(path, { type: 'folder' });
  }

  /** A file or link in the place of an earlier one, if there is one. */
  #file(path: string, entry: TreeFile | TreeLink): void {
    this.folder(parentOf(path));
    if (this.#entries.get(path)?.type === 'folder') throw conflict(path);
    this.#entries.set(path, entry);
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
      this.#file(at, listing);
      return;
    }
    this.folder(at);
    for (const [path, entry] of listing.entries) {
      const full = at === '' ? path : `${at}/${path}`;
      if (entry.type === 'folder') this.folder(full);
      else this.#file(full, entry);
    }
  }
}

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));

const conflict = (path: string): CommandError =>
  new CommandError({
    message: `${path} is a folder in one part of the context and a file or link in another`,
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
 * Lists a file, or a folder with all below it, dot files too. `path` itself may be a link: its user has named it. Every other link stays a link, wherever
 * it leads. Rejects with `CommandError` for a path that leads to nothing, for names that are not UTF-8, and for devices, pipes and sockets.
 */
export async function listPath({ path, without = [] }: ListOptions): Promise<Listing> {
  const top = await realPathOf(path);
  const stats = await lstat(top);
  if (stats.isFile()) return toFile(top, stats);
  if (!stats.isDirectory()) throw unusable(path, 'is neither a file nor a folder');
  const entries: [string, TreeEntry][] = [];
  const visit = async (folder: string, below: string): Promise<void> => {
    for (const name of (await readdir(folder, { encoding: 'buffer' })).sort(Buffer.compare)) {
      const at = decodeName(Buffer.concat([Buffer.from(below), name]));
      if (without.includes(at)) continue;
      const full = join(top, at);
      const stats = await lstat(full);
      if (stats.isDirectory()) {
        entries.push([at, { type: 'folder' }]);
        await visit(full, `${at}/`);
      } else if (stats.isFile()) entries.push([at, toFile(full, stats)]);
      else if (stats.isSymbolicLink()) {
        entries.push([at, { type: 'link', target: await readLinkTarget(full, at) }]);
      } else throw unusable(full, 'is neither a file, a folder nor a link');
    }
  };
  await usage(() => visit(top, ''), path);
  return { type: 'folder', entries };
}

const toFile = (from: string, { mode, size }: Stats): TreeFile => ({
  type: 'file',
  from,
  executable: (mode & 0o111) !== 0,
  size,
});

async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw unusable(path, 'is not there, or a link to what is not there');
    if (code === 'ELOOP') throw unusable(path, 'is a link in a circle');
    throw error;
  }
}

const unusable = (path: string, what: string): CommandError =>
  new CommandError({ message: `${path} ${what}`, exitCode: exitCodes.usage });

import type { Stats } from 'node:fs';
import { lstat, readdir, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeName, pulledNote, readLinkTarget, settledNote } from '@slipway/source';
import { CommandError, usage } from '../command-error.js';
import { exitCodes } from '../exit-codes.js';

export interface TreeFile {
  readonly type: 'file';
  /** Path of the file itself, not of a link to it. */
  readonly from: string;
  readonly executable: boolean;
  readonly size: number;
  /** Content to send in the place of the file's content. */
  readonly content?: Buffer;
}

interface TreeLink {
  readonly type: 'link';
  /** The target as the link has it, even outside of the tree. */
  readonly target: string;
}

type TreeEntry = TreeFile | TreeLink | { readonly type: 'folder' };

/** Files, links and folders laid over one another without copying: the future build context. */
export class ContextTree {
  readonly #entries = new Map<string, TreeEntry>();

  /** Paths with `/`, in no order. */
  get entries(): ReadonlyMap<string, TreeEntry> {
    return this.#entries;
  }

  /** Returns true when a file is at the path, or a link on the way, whose target only the builder sees. */
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

  /** Puts a file or link in the place of an earlier entry, if any. */
  #file(path: string, entry: TreeFile | TreeLink): void {
    this.folder(parentOf(path));
    if (this.#entries.get(path)?.type === 'folder') throw conflict(path);
    this.#entries.set(path, entry);
  }

  /** Normalizes the note of a pulled template as the server does, so that both compute the same digest. */
  async settleNote(): Promise<void> {
    const note = this.#entries.get(pulledNote.path);
    if (note?.type !== 'file' || note.size > pulledNote.maxBytes) return;
    if (this.#entries.get(pulledNote.beside)?.type !== 'file') return;
    const content = settledNote(await readFile(note.from));
    if (content) this.#entries.set(pulledNote.path, { ...note, content, size: content.length });
  }

  /** Lays a listing over `at`, which is `''` at the root. */
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

/** The entries at a path on disk: a file, or a folder with all its contents. */
export type Listing =
  | TreeFile
  | { readonly type: 'folder'; readonly entries: readonly (readonly [string, TreeEntry])[] };

interface ListOptions {
  readonly path: string;
  /** Names to leave out at the top level only. */
  readonly without?: readonly string[];
}

/**
 * Lists a file, or a folder with all its contents, including dot files. `path` itself may be a link, because the user named it.
 * Every other link stays a link. Rejects with `CommandError` for a missing path, for names that are not UTF-8, and for devices, pipes and sockets.
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
      throw unusable(path, 'is not there, or is a link to a missing file');
    if (code === 'ELOOP') throw unusable(path, 'is a circular link');
    throw error;
  }
}

const unusable = (path: string, what: string): CommandError =>
  new CommandError({ message: `${path} ${what}`, exitCode: exitCodes.usage });

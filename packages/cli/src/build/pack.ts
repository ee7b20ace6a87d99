import type { Stats } from 'node:fs';
import { constants, type FileHandle, lstat, open } from 'node:fs/promises';
import { join } from 'node:path';
import { readLinkTarget } from '@slipway/source';
import { Header, type HeaderData, Pax } from 'tar';
import type { ContextTree } from '../stack/context-tree.js';
import type { BuildContext } from './context.js';

const blockBytes = 512;
/** Small files are combined into chunks of this size, to save writes. */
const chunkBytes = 128 * 1024;

/**
 * Yields the context as a tar while reading it, one file at a time, without following links. The tar has no owners and no times.
 * A hard link is packed as a regular file. Rejects when a file disappears, shrinks or cannot be read meanwhile.
 */
export function packContext({
  folder,
  paths,
}: Pick<BuildContext, 'folder' | 'paths'>): AsyncGenerator<Uint8Array> {
  return inChunks(blocks(folder, paths));
}

/** Yields a tar of a tree whose files lie in several places. */
export function packTree(entries: ContextTree['entries']): AsyncGenerator<Uint8Array> {
  return inChunks(treeBlocks(entries));
}

async function* inChunks(blocks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  for await (const block of blocks) {
    waiting.push(block);
    bytes += block.length;
    if (bytes < chunkBytes) continue;
    yield Buffer.concat(waiting, bytes);
    waiting = [];
    bytes = 0;
  }
  // Two empty blocks end an archive.
  yield Buffer.concat([...waiting, Buffer.alloc(2 * blockBytes)]);
}

async function* treeBlocks(entries: ContextTree['entries']): AsyncGenerator<Uint8Array> {
  for (const [path, entry] of entries) {
    if (entry.type === 'folder') yield header({ path: `${path}/`, type: 'Directory', mode: 0o755 });
    else if (entry.type === 'link') yield link(path, entry.target);
    else if (entry.content) yield* given(path, entry.content, entry.executable);
    else yield* file(path, entry.from);
  }
}

function* given(path: string, bytes: Buffer, executable: boolean): Generator<Uint8Array> {
  yield header({ path, type: 'File', mode: executable ? 0o755 : 0o644, size: bytes.length });
  yield bytes;
  yield Buffer.alloc(padding(bytes.length));
}

async function* blocks(folder: string, paths: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const path of paths) {
    const full = join(folder, path);
    const stat = await lstat(full);
    if (stat.isDirectory()) yield header({ path: `${path}/`, type: 'Directory', mode: 0o755 });
    else if (stat.isSymbolicLink()) {
      yield link(path, await readLinkTarget(full, path));
    } else yield* file(path, full);
  }
}

async function* file(path: string, full: string): AsyncGenerator<Uint8Array> {
  // O_NOFOLLOW: a link that replaced the file is an error, because it could lead out of the folder.
  const handle = await open(full, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new Error(`${path} is not a file any more`);
    yield header({ path, type: 'File', mode: modeOf(stat), size: stat.size });
    yield* content(path, handle, stat.size);
    yield Buffer.alloc(padding(stat.size));
  } finally {
    await handle.close();
  }
}

async function* content(path: string, handle: FileHandle, size: number): AsyncGenerator<Uint8Array> {
  for (let left = size; left > 0; ) {
    const buffer = Buffer.allocUnsafe(Math.min(left, chunkBytes));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, null);
    if (bytesRead === 0) throw new Error(`${path} became shorter while it was packed`);
    left -= bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

const link = (path: string, linkpath: string): Buffer =>
  header({ path, type: 'SymbolicLink', mode: 0o777, linkpath });

function header(data: HeaderData): Buffer {
  const full = { ...data, mtime: new Date(0), uid: 0, gid: 0 };
  const block = Buffer.alloc(blockBytes);
  const needsPax = new Header(full).encode(block);
  if (!needsPax) return block;
  const { path, linkpath, size } = full;
  return Buffer.concat([
    new Pax({
      ...(path !== undefined && { path }),
      ...(linkpath !== undefined && { linkpath }),
      ...(size !== undefined && { size }),
    }).encode(),
    block,
  ]);
}

const modeOf = (stat: Stats): number => ((stat.mode & 0o111) === 0 ? 0o644 : 0o755);
const padding = (size: number): number => (blockBytes - (size % blockBytes)) % blockBytes;

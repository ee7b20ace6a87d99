import { hash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openBlobStore } from '@slipway/shared/blobs';
import { Header, type HeaderData, Pax } from 'tar';
import { onTestFinished } from 'vitest';
import { createSourceStore } from '../create-source-store.js';
import type { SourceLimits } from '../source-store.js';

/** A tree of files for tests. Its folders need not be listed. */
export type Tree = ReadonlyMap<string, TreeNode>;
export type TreeNode =
  | { readonly type: 'file'; readonly content: Buffer; readonly executable?: boolean }
  | { readonly type: 'folder' }
  | { readonly type: 'link'; readonly target: string };

export const file = (content: string | Buffer = '', executable = false): TreeNode => ({
  type: 'file',
  content: Buffer.from(content),
  executable,
});
export const folder: TreeNode = { type: 'folder' };
export const link = (target: string): TreeNode => ({ type: 'link', target });

const plentiful: SourceLimits = { maxArchiveBytes: 1e9, maxBytes: 1e9, maxFiles: 100_000, maxRatio: 200 };

/** Creates a source store in a temporary folder, which is removed after the test. */
export async function makeSources(limits: Partial<SourceLimits> = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'slipway-sources-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const blobs = await openBlobStore(pathToFileURL(directory).href);
  const sources = createSourceStore({ blobs, limits: { ...plentiful, ...limits } });
  /** Returns every file below the store's folder, including temporary ones. */
  const kept = async (): Promise<string[]> => {
    const found = await readdir(directory, { recursive: true, withFileTypes: true });
    return found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  };
  return { directory, blobs, sources, kept };
}

export async function* inChunks(data: Buffer, size = 64 * 1024): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
}

/** Returns an entry as the `tar` package writes it. */
export function tarEntry(fields: HeaderData, content: Buffer = Buffer.alloc(0)): Buffer {
  const header = new Header({ mode: 0o644, size: content.length, type: 'File', ...fields });
  const block = Buffer.alloc(512);
  const pax = header.encode(block) ? new Pax(header).encode() : Buffer.alloc(0);
  return Buffer.concat([pax, block, content, Buffer.alloc(-content.length & 511)]);
}

export const endMark: Buffer = Buffer.alloc(1024);

export function archive(...entries: readonly Buffer[]): Buffer {
  return Buffer.concat([...entries, endMark]);
}

/** Changes a header block, and corrects its checksum. */
export function patched(entry: Buffer, change: (block: Buffer) => void): Buffer {
  const out = Buffer.from(entry);
  change(out);
  out.fill(' ', 148, 156);
  const sum = out.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  out.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return out;
}

/** Ways to pack a tree. None of them may change the digest. */
export interface Packing {
  readonly order: readonly string[];
  /** `folders` lists the folders; `dotted` begins every name with `./`. */
  readonly folders: boolean;
  readonly dotted: boolean;
  readonly metadata: Pick<HeaderData, 'uid' | 'gid' | 'uname' | 'gname' | 'mtime'>;
  /** Mode bits added to every mode that do not make a file executable. */
  readonly modeBits: number;
}

export function pack(tree: Tree, packing: Packing): Buffer {
  const { order, folders, dotted, metadata, modeBits } = packing;
  const named = (path: string) => (dotted ? `./${path}` : path);
  const entries = order.flatMap((path) => {
    const node = tree.get(path) ?? folder;
    switch (node.type) {
      case 'folder':
        // An explicit folder of the tree may be empty, so it must be listed.
        if (!folders && !tree.has(path)) return [];
        return [
          tarEntry({ ...metadata, path: `${named(path)}/`, type: 'Directory', mode: 0o700 | modeBits }),
        ];
      case 'link':
        return [tarEntry({ ...metadata, path: named(path), type: 'SymbolicLink', linkpath: node.target })];
      case 'file':
        return [
          tarEntry(
            { ...metadata, path: named(path), mode: (node.executable ? 0o100 : 0) | modeBits },
            node.content,
          ),
        ];
    }
    return [];
  });
  const root = dotted ? [tarEntry({ ...metadata, path: './', type: 'Directory', mode: 0o755 })] : [];
  return archive(...root, ...entries);
}

/** Returns every path of a tree, including implied folders. */
export function allPaths(tree: Tree): string[] {
  const paths = new Set<string>();
  for (const path of tree.keys()) {
    const parts = path.split('/');
    for (let depth = 1; depth <= parts.length; depth++) paths.add(parts.slice(0, depth).join('/'));
  }
  return [...paths].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** Returns the digest, implemented again as simply as possible from the specification. */
export function expectedDigest(tree: Tree): string {
  let files = 0;
  let bytes = 0;
  const lines = allPaths(tree).map((path) => {
    const node = tree.get(path) ?? folder;
    const name = JSON.stringify(path);
    if (node.type === 'folder') return `{"path":${name},"type":"folder"}`;
    files++;
    if (node.type === 'link') return `{"path":${name},"type":"link","target":${JSON.stringify(node.target)}}`;
    bytes += node.content.length;
    const mode = node.executable ? '0755' : '0644';
    const sha256 = hash('sha256', node.content);
    return `{"path":${name},"type":"file","mode":"${mode}","size":${node.content.length},"sha256":"${sha256}"}`;
  });
  const text = `{"version":1,"files":${files},"bytes":${bytes},"entries":[\n${lines.join(',\n')}\n]}\n`;
  return `sha256:${hash('sha256', text)}`;
}

import { createHash, hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { describeSource } from '@slipway/source';
import type { ContextTree, TreeFile } from './context-tree.js';

/** Files up to this size are read in one call. */
const atOnceBytes = 1024 * 1024;

export interface LocalSource {
  readonly digest: string;
  /** The number of files. */
  readonly files: number;
  /** Total size of all files in bytes. */
  readonly bytes: number;
}

/** Computes the server's digest of a tree. A file shared by several trees, such as a template's, is read once. */
export class SourceDigester {
  readonly #known = new Map<string, Promise<string>>();

  async describe({ entries }: ContextTree): Promise<LocalSource> {
    return describeSource(
      await Promise.all(
        [...entries].map(async ([path, entry]) => {
          if (entry.type !== 'file') return { path, ...entry };
          const sha256 = await this.#sha256(entry);
          const mode = entry.executable ? ('0755' as const) : ('0644' as const);
          return { path, type: 'file' as const, mode, size: entry.size, sha256 };
        }),
      ),
    );
  }

  async #sha256(file: TreeFile): Promise<string> {
    if (file.content) return hash('sha256', file.content, 'hex');
    const known = this.#known.get(file.from) ?? sha256Of(file);
    this.#known.set(file.from, known);
    return await known;
  }
}

async function sha256Of({ from, size }: TreeFile): Promise<string> {
  if (size <= atOnceBytes) return hash('sha256', await readFile(from), 'hex');
  const running = createHash('sha256');
  await pipeline(createReadStream(from), running);
  return running.digest('hex');
}

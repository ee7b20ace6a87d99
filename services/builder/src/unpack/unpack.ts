import { constants } from 'node:fs';
import { chmod, copyFile, lutimes, mkdir, open, symlink, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { SlipwayError } from '@slipway/shared/errors';
import { TarReader } from '@slipway/source';
import { PayloadSink } from './payload-sink.js';
import { Tree, type TreeLimits } from './tree.js';

interface UnpackOptions {
  /** The payload, a tar whose signature has been checked. */
  readonly file: string;
  /** Where the context goes; made here, for it must be new. */
  readonly dir: string;
  readonly limits: TreeLimits;
  /** The time that all of it is given, in seconds since 1970. */
  readonly modified: number;
}

export interface UnpackedPayload {
  /** The content of the config entry. */
  readonly config: Buffer;
  /** `com.openfaas.secrets` as it came. */
  readonly secrets: Buffer | undefined;
  readonly files: number;
  readonly bytes: number;
}

/** Beside the context there are few entries; a payload with many is not what it says. */
const entriesBeside = 100;
const chunkBytes = 256 * 1024;

/**
 * Unpacks a build payload, in constant memory: what is in `context/` to `dir`, with modes 0644 and 0755 and one time. Refuses with the `source_*` codes or `request_invalid`; what has been written
 * by then is for the caller to remove.
 */
export async function unpackPayload({
  file,
  dir,
  limits,
  modified,
}: UnpackOptions): Promise<UnpackedPayload> {
  await mkdir(dir, { mode: 0o755 });
  const tree = new Tree({ limits });
  const sink = new PayloadSink({
    ...{ tree, dir, modified },
    maxEntries: limits.maxFiles + entriesBeside,
    maxSkippedBytes: limits.maxBytes,
  });
  try {
    const reader = new TarReader({ sink });
    for await (const chunk of chunksOf(file)) {
      for (let at = 0; at < chunk.length; ) {
        at = reader.write(chunk, at);
        // Files with large holes: others get their turn.
        if (at < chunk.length) await setImmediate();
      }
    }
    reader.end();
  } finally {
    sink.close();
  }
  const { config, secrets } = sink.beside;
  if (tree.nodes.size === 0) throw new SlipwayError('source_empty', 'There is nothing in context/.');
  await finish({ dir, tree, copies: sink.copies, modified });
  return { config, secrets, files: tree.nodes.size, bytes: tree.bytes };
}

/** Yields a file in chunks that share their memory. A stream takes new memory for each, so that its files make garbage as large as they are. */
async function* chunksOf(file: string): AsyncGenerator<Buffer> {
  const handle = await open(file);
  try {
    const memory = Buffer.allocUnsafeSlow(chunkBytes);
    for (;;) {
      const { bytesRead } = await handle.read(memory, 0, memory.length);
      if (bytesRead === 0) return;
      yield memory.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

interface FinishOptions {
  readonly dir: string;
  readonly tree: Tree;
  readonly copies: PayloadSink['copies'];
  readonly modified: number;
}

async function finish({ dir, tree, copies, modified }: FinishOptions): Promise<void> {
  for (const { from, to } of copies) {
    const place = join(dir, to);
    await mkdir(dirname(place), { recursive: true });
    await copyFile(join(dir, from), place, constants.COPYFILE_EXCL);
    await utimes(place, modified, modified);
  }
  const folders: string[] = [dir];
  for (const [path, node] of tree.nodes) {
    const place = join(dir, path);
    if (node.type === 'folder') folders.push(place);
    if (node.type !== 'link') continue;
    await mkdir(dirname(place), { recursive: true });
    await symlink(node.target, place);
    await lutimes(place, modified, modified);
  }
  // Last, for whatever is made in a folder changes its time.
  for (const folder of folders) {
    await chmod(folder, 0o755);
    await utimes(folder, modified, modified);
  }
}

import type { BlobHandle, BlobStore, Scratch } from '@slipway/shared/blobs';
import { codeOf, SlipwayError } from '@slipway/shared/errors';
import type { SourceReader } from './source-store.js';

interface SpoolOptions {
  readonly sources: SourceReader;
  readonly blobs: Pick<BlobStore, 'scratch'>;
  /** Limit of all copies, in bytes of the local disk. */
  readonly maxBytes: number;
}

interface SourceSpool {
  readonly sources: SourceReader;
  /** Removes all copies that are not open. An open one is removed when its last handle closes. */
  close(): Promise<void>;
}

/** A copy of a tar on the local disk, complete or in progress. */
interface Copy {
  readonly bytes: number;
  readonly scratch: Promise<Scratch>;
  /** Open handles, and callers that wait for the copy. */
  users: number;
  isForgotten: boolean;
}

/**
 * Reads tars from the blob store once, in one stream, into scratches on the local disk, and serves all further reads from there:
 * signing a payload, sending it, and other jobs with the same source. The copies that were not used for longest make room. Without room
 * or with a full disk, a tar is read from the store each time.
 */
export function spoolSources({ sources, blobs, maxBytes }: SpoolOptions): SourceSpool {
  // Begins with the copy that was not used for longest.
  const copies = new Map<string, Copy>();
  const discarding = new Set<Promise<void>>();
  let held = 0;

  const discardUnused = (copy: Copy) => {
    if (copy.users > 0 || !copy.isForgotten) return;
    held -= copy.bytes;
    const work = copy.scratch
      .then((scratch) => scratch.discard())
      .catch(() => undefined)
      .finally(() => discarding.delete(work));
    discarding.add(work);
  };

  const leave = (copy: Copy) => {
    copy.users--;
    discardUnused(copy);
  };

  const forget = (digest: string, copy: Copy) => {
    if (copies.get(digest) === copy) copies.delete(digest);
    if (copy.isForgotten) return;
    copy.isForgotten = true;
    discardUnused(copy);
  };

  const makeRoom = (bytes: number): boolean => {
    for (const [digest, copy] of copies) {
      if (held + bytes <= maxBytes) return true;
      if (copy.users === 0) forget(digest, copy);
    }
    return held + bytes <= maxBytes;
  };

  const fill = async (digest: string): Promise<Scratch> => {
    const scratch = await blobs.scratch();
    try {
      const tar = await sources.streamTar(digest);
      if (!tar) throw new SlipwayError('storage_changed');
      for await (const chunk of tar) await scratch.write(chunk as Buffer);
      return scratch;
    } catch (error) {
      await scratch.discard();
      throw error;
    }
  };

  const begin = (digest: string, bytes: number): Copy => {
    held += bytes;
    const copy = { bytes, scratch: fill(digest), users: 0, isForgotten: false };
    copies.set(digest, copy);
    return copy;
  };

  const opened = async (digest: string, copy: Copy): Promise<BlobHandle> => {
    copy.users++;
    copies.delete(digest);
    copies.set(digest, copy);
    try {
      const scratch = await copy.scratch;
      let isOpen = true;
      return {
        bytes: scratch.bytes,
        read: (buffer, position) => scratch.read(buffer, position),
        async close() {
          if (isOpen) leave(copy);
          isOpen = false;
        },
      };
    } catch (error) {
      // The next reader tries again.
      forget(digest, copy);
      leave(copy);
      throw error;
    }
  };

  return {
    sources: {
      ...sources,
      async openTar(digest) {
        const known = copies.get(digest);
        if (known) return await opened(digest, known);
        const handle = await sources.openTar(digest);
        if (!handle) return undefined;
        // Another caller may have begun meanwhile.
        const copy = copies.get(digest) ?? (makeRoom(handle.bytes) ? begin(digest, handle.bytes) : undefined);
        if (!copy) return handle;
        try {
          const copied = await opened(digest, copy);
          await handle.close();
          return copied;
        } catch (error) {
          if (codeOf(error) === 'storage_full') return handle;
          await handle.close();
          throw error;
        }
      },
    },
    async close() {
      for (const [digest, copy] of [...copies]) forget(digest, copy);
      await Promise.all(discarding);
    },
  };
}

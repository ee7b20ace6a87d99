import { Readable } from 'node:stream';
import type { BlobStore, Scratch } from '@slipway/shared/blobs';

/** Creates a short-lived blob store in memory, with only the operations that ingest uses. */
export function memoryBlobs(): BlobStore & { kept(): number } {
  const blobs = new Map<string, Buffer>();
  const contents = new WeakMap<Scratch, () => Buffer>();
  let scratches = 0;
  const unused = () => {
    throw new Error('this is not what taking in sources needs');
  };
  return {
    /** The number of blobs and scratch files. */
    kept: () => blobs.size + scratches,
    write: unused,
    async scratch() {
      const parts: Buffer[] = [];
      let bytes = 0;
      let isOpen = true;
      scratches++;
      const whole = () => Buffer.concat(parts);
      const scratch: Scratch = {
        get bytes() {
          return bytes;
        },
        async write(chunk) {
          parts.push(Buffer.from(chunk));
          bytes += chunk.length;
        },
        read: async (buffer, position) => whole().copy(buffer, 0, position),
        async discard() {
          if (isOpen) scratches--;
          isOpen = false;
        },
      };
      contents.set(scratch, whole);
      return scratch;
    },
    async adopt(adopted) {
      for (const { scratch, key } of adopted) {
        blobs.set(key, contents.get(scratch)?.() ?? Buffer.alloc(0));
        await scratch.discard();
      }
      return adopted.map(() => 'created');
    },
    async open(key) {
      const data = blobs.get(key);
      return (
        data && {
          bytes: data.length,
          read: async (buffer, position) => data.copy(buffer, 0, position),
          close: async () => undefined,
        }
      );
    },
    async stream(key) {
      const data = blobs.get(key);
      return data && Readable.from([data], { objectMode: false });
    },
    stat: unused,
    async remove(key) {
      blobs.delete(key);
    },
    removeAll: unused,
    list: unused,
    sweep: unused,
  };
}

import type { BlobStore } from '@slipway/shared/blobs';

/** The calls and bytes that a store of blobs served. */
export interface BlobCounts {
  /** Calls by the name of the method; `read` counts reads of handles. */
  readonly calls: Record<string, number>;
  /** Bytes read, by key. */
  readonly bytes: Map<string, number>;
}

/** Returns a store over a real one that counts what it serves. Scratches are local and count as nothing. */
export function countBlobs(blobs: BlobStore): { readonly blobs: BlobStore; readonly counts: BlobCounts } {
  const counts: BlobCounts = { calls: {}, bytes: new Map() };
  const call = (name: string) => {
    counts.calls[name] = (counts.calls[name] ?? 0) + 1;
  };
  const add = (key: string, bytes: number) => {
    counts.bytes.set(key, (counts.bytes.get(key) ?? 0) + bytes);
  };
  return {
    counts,
    blobs: {
      ...blobs,
      async open(key) {
        call('open');
        const handle = await blobs.open(key);
        return (
          handle && {
            ...handle,
            async read(buffer, position) {
              call('read');
              const read = await handle.read(buffer, position);
              add(key, read);
              return read;
            },
          }
        );
      },
      async stream(key, range) {
        call('stream');
        const stream = await blobs.stream(key, range);
        return stream?.on('data', (chunk: Buffer) => add(key, chunk.length)).pause();
      },
      stat(key) {
        call('stat');
        return blobs.stat(key);
      },
      write(key, data, options) {
        call('write');
        return blobs.write(key, data, options);
      },
      adopt(adopted) {
        for (const _each of adopted) call('adopt');
        return blobs.adopt(adopted);
      },
    },
  };
}

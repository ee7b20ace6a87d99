import type { BlobStore } from './blob-store.js';

const isLog = (key: string): boolean => key === 'logs' || key.startsWith('logs/');

/** Returns a store whose blobs below `logs` are in another store. Scratches become blobs of the first store only. */
export function withLogs(others: BlobStore, logs: BlobStore): BlobStore {
  const of = (key: string): BlobStore => (isLog(key) ? logs : others);
  return {
    ...(others.isRemote && { isRemote: true }),
    ...(others.capacity && { capacity: others.capacity }),
    scratch: () => others.scratch(),
    async adopt(blobs) {
      const log = blobs.find(({ key }) => isLog(key));
      if (log) {
        for (const { scratch } of blobs) await scratch.discard();
        throw new RangeError(`a log is written, not adopted: ${log.key}`);
      }
      return await others.adopt(blobs);
    },
    write: (key, data, options) => of(key).write(key, data, options),
    open: (key) => of(key).open(key),
    stream: (key, range) => of(key).stream(key, range),
    stat: (key) => of(key).stat(key),
    remove: (key) => of(key).remove(key),
    list: (folder) => of(folder).list(folder),
    async removeAll(keys, options) {
      await logs.removeAll(keys.filter(isLog), options);
      await others.removeAll(
        keys.filter((key) => !isLog(key)),
        options,
      );
    },
    async sweep(options) {
      return (await others.sweep(options)) + (await logs.sweep(options));
    },
  };
}

import type { Readable } from 'node:stream';

/**
 * Where bytes live that are too large for Redis: sources and logs, each under a key.
 *
 * What every implementation promises:
 * - A key holds a whole blob or nothing. Whatever ends a write early (an error of the input, an abort, a crash, a full
 *   disk), the key keeps what it held before, and nothing half-written is ever visible under it.
 * - A write that has resolved survives a crash of the machine.
 * - Writing a key again replaces it whole; two writes of one key at once leave one of the two, whole.
 * - An open handle goes on reading the blob it was opened on, whatever happens to the key meanwhile.
 * - What is missing is `undefined`, not an error. A store without room rejects with `storage_full`.
 *
 * Keys are slash-separated segments of `A-Z a-z 0-9 . _ -`, none beginning with a dot, 512 characters at most; any other
 * key is a fault of the caller and throws a RangeError.
 */
export interface BlobStore {
  /**
   * Writes a blob as its bytes arrive, in constant memory. Rejects with whatever `data` threw. With `durable: false` it
   * survives the end of the process, but a crash of the machine within seconds may leave the key empty or cut short: for
   * blobs whose loss can be borne.
   */
  write(
    key: string,
    data: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    options?: WriteOptions,
  ): Promise<{ bytes: number }>;
  /** An unnamed blob to be written, read back, and then adopted under a key or discarded. */
  scratch(): Promise<Scratch>;
  /**
   * Makes scratches of this store the blobs of their keys, durably, at the cost of one. They appear in the order given: where one
   * of them is seen, those before it are there. When one cannot be adopted, neither it nor those after it appear; all end.
   */
  adopt(blobs: readonly { readonly scratch: Scratch; readonly key: string }[]): Promise<void>;
  /** Opens a blob for positioned reads. The caller closes the handle. */
  open(key: string): Promise<BlobHandle | undefined>;
  /** The bytes from `start` up to, but not including, `end`. The stream closes what it opened when it ends or is destroyed. */
  stream(key: string, range?: ByteRange): Promise<Readable | undefined>;
  stat(key: string): Promise<{ bytes: number; modified: Date } | undefined>;
  /** Removes a blob; a missing one is no error. */
  remove(key: string): Promise<void>;
  /**
   * The keys below a folder, which is named as keys are (`logs` has `logs/a/1`), in no order, in pages of a thousand at most. A
   * blob that is there all the while is listed once; one that comes or goes meanwhile may be. A missing folder is empty.
   */
  list(folder: string): AsyncIterable<readonly string[]>;
  /**
   * Removes what writers left behind that no longer live, or that has not been written to for `olderThanMs`
   * (a day, unless given): writers on other machines cannot be asked. Returns how many were removed.
   */
  sweep(options?: { olderThanMs?: number }): Promise<number>;
}

interface WriteOptions {
  /** Default true. */
  readonly durable?: boolean;
}

export interface ByteRange {
  readonly start?: number;
  readonly end?: number;
}

export interface BlobHandle {
  readonly bytes: number;
  /** Fills `buffer` from `position`; returns fewer bytes than it holds only at the end of the blob. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  close(): Promise<void>;
}

/** A blob being made. `BlobStore.adopt` or `discard` ends it; `discard` after either does nothing. */
export interface Scratch {
  /** How much has been written. */
  readonly bytes: number;
  /** Appends. The chunk may be reused once the promise resolves. One write at a time. */
  write(chunk: Uint8Array): Promise<void>;
  /** Reads back what has been written; as `BlobHandle.read`. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  discard(): Promise<void>;
}

const keyPattern = /^(?!\.)[A-Za-z0-9._-]+(?:\/(?!\.)[A-Za-z0-9._-]+)*$/;

/** Throws a RangeError for a key outside the grammar above. */
export function checkKey(key: string): void {
  if (key.length > 512 || !keyPattern.test(key))
    throw new RangeError(`not a blob key: ${JSON.stringify(key)}`);
}

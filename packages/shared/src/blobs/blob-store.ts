import type { Readable } from 'node:stream';

/**
 * Storage for bytes that are too large for Redis: sources and logs, each under a key.
 *
 * Every implementation guarantees:
 * - A key holds a complete blob or nothing. If a write ends early (an input error, an abort, a crash, a full disk), the key keeps
 *   its old content. No reader ever sees a partial blob.
 * - A write that has resolved survives a crash of the machine.
 * - `write` replaces the whole blob of a key. Two concurrent writes to one key leave one of the two, complete.
 * - `adopt` is for keys whose content never changes: the first writer of a key wins.
 * - An open handle or stream reads the blob it was opened on. If the store no longer has that blob, it rejects with
 *   `storage_changed`; the caller opens the key again.
 * - A missing blob is `undefined`, not an error. A store without room rejects with `storage_full`. Other faults of a store have the
 *   codes `storage_*` of the error table.
 *
 * Keys are slash-separated segments of `A-Z a-z 0-9 . _ -`. No segment begins with a dot, and a key has at most 512 characters.
 * Any other key is a caller's bug and throws a RangeError.
 */
export interface BlobStore {
  /** True if each read is a request over the network. Callers then copy a large blob into a scratch instead of reading it twice. */
  readonly isRemote?: boolean;
  /**
   * Writes a blob as its bytes arrive, in constant memory. Rejects with the error that `data` threw. With `durable: false` the
   * blob survives the end of the process, but a crash of the machine within seconds may leave the key empty or truncated.
   */
  write(
    key: string,
    data: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    options?: WriteOptions,
  ): Promise<{ bytes: number }>;
  /** Returns an unnamed blob that the caller writes, reads back, and then adopts under a key or discards. */
  scratch(): Promise<Scratch>;
  /**
   * Moves scratches of this store to keys whose content never changes, durably. If a key already has a blob, its bytes or its size
   * and SHA-256 are compared: an equal blob stays, a different one is damaged and is replaced. Returns one outcome for each blob;
   * one of several concurrent writers of a new key gets `created`. Blobs appear in the given order: a reader that sees one also sees
   * those before it. If the store cannot adopt one, neither it nor the later ones appear. All scratches end.
   */
  adopt(blobs: readonly { readonly scratch: Scratch; readonly key: string }[]): Promise<Adopted[]>;
  /** Opens a blob for positioned reads. The caller closes the handle. */
  open(key: string): Promise<BlobHandle | undefined>;
  /** Streams the bytes from `start` up to, but not including, `end`. The stream frees its file or connection when it ends or is destroyed. */
  stream(key: string, range?: ByteRange): Promise<Readable | undefined>;
  stat(key: string): Promise<BlobStat | undefined>;
  /** Removes a blob. A missing blob is no error. */
  remove(key: string): Promise<void>;
  /**
   * Removes any number of blobs in batches, in no order. Rejects if one or more could not be removed; the others are gone then. Sends no
   * request after the signal is aborted.
   */
  removeAll(keys: readonly string[], options?: { readonly signal?: AbortSignal }): Promise<void>;
  /**
   * Lists the keys below a folder (`logs` has `logs/a/1`), unordered, in pages of up to 1,000. Lists a blob once if it exists
   * during the whole listing; a blob that appears or disappears meanwhile may be missing. A missing folder is empty.
   */
  list(folder: string): AsyncIterable<readonly string[]>;
  /**
   * Removes leftovers of writers that have died, and leftovers not written to for `olderThanMs` (default: a day), since the store
   * cannot check writers on other machines. Returns the number of leftovers removed.
   */
  sweep(options?: { olderThanMs?: number }): Promise<number>;
  /** Returns the room of the store; absent for a store without a bound. */
  capacity?(): Promise<Capacity>;
}

/** `created`: the key had no blob. `same`: another writer was first, with the same bytes. `replaced`: the key had other bytes. */
export type Adopted = 'created' | 'same' | 'replaced';

export interface BlobStat {
  readonly bytes: number;
  readonly modified: Date;
  /** The SHA-256 of the content in hex, if the store knows it without reading the blob. */
  readonly sha256?: string;
}

/** A kind of blob stores: its URLs in `BLOB_STORE`, and how it opens. */
export interface BlobStoreDefinition {
  /** The scheme of its URLs. */
  readonly scheme: string;
  /** The form of its URLs, for messages and the documentation. */
  readonly form: string;
  /** A sentence about the form, without its end. */
  readonly doc: string;
  /** Throws an error for a URL of the scheme that is not valid. Its message goes on after `BLOB_STORE`. */
  check(url: URL): void;
  /** Rejects if the store cannot be used. */
  open(options: {
    readonly url: URL;
    readonly minFreeBytes: number;
    /** For scratches of a store that is on no disk. */
    readonly temporaryDir: string;
  }): Promise<BlobStore>;
}

export interface Capacity {
  readonly freeBytes: number;
  readonly totalBytes: number;
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
  /** Fills `buffer` from `position`. Returns less than its size only at the end of the blob. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  close(): Promise<void>;
}

/** An unfinished blob. `BlobStore.adopt` or `discard` ends it; `discard` after either does nothing. */
export interface Scratch {
  /** Bytes written so far. */
  readonly bytes: number;
  /** Appends a chunk. The caller may reuse the chunk once the promise resolves. One write at a time. */
  write(chunk: Uint8Array): Promise<void>;
  /** Reads written bytes, as `BlobHandle.read` does. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  discard(): Promise<void>;
}

const keyPattern = /^(?!\.)[A-Za-z0-9._-]+(?:\/(?!\.)[A-Za-z0-9._-]+)*$/;

export const isKey = (key: string): boolean => key.length <= 512 && keyPattern.test(key);

/** Throws a RangeError for a key outside the grammar above. */
export function checkKey(key: string): void {
  if (!isKey(key)) throw new RangeError(`not a blob key: ${JSON.stringify(key)}`);
}

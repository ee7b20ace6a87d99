import type { Readable } from 'node:stream';
import type { BlobHandle, BlobStore } from '@slipway/shared/blobs';
import type { SourceClaims } from './source-uses.js';

/** What one upload may hold. */
export interface SourceLimits {
  /** Of the archive as it is sent. */
  readonly maxArchiveBytes: number;
  /** Of all files together, unpacked; a hard link counts as a copy. */
  readonly maxBytes: number;
  /** Entries of every kind, folders that were only implied included; how long their names may be together goes by it (`NameBudget`). */
  readonly maxFiles: number;
  /** Unpacked bytes for each byte sent, judged once an archive has unpacked to more than a mebibyte. */
  readonly maxRatio: number;
}

export interface SourceInfo {
  /** `sha256:<64 hex digits>`, of the canonical manifest. */
  readonly digest: string;
  /** Files and links; folders are not counted. */
  readonly files: number;
  /** Of all files together, unpacked. */
  readonly bytes: number;
}

/** One line of a manifest; `path` is relative, without a trailing slash. */
export type SourceEntry =
  | {
      readonly path: string;
      readonly type: 'file';
      readonly mode: '0644' | '0755';
      readonly size: number;
      readonly sha256: string;
    }
  | { readonly path: string; readonly type: 'folder' }
  | { readonly path: string; readonly type: 'link'; readonly target: string };

export interface SourceManifest {
  readonly version: 1;
  readonly files: number;
  readonly bytes: number;
  /** Sorted by the bytes of their paths, so that each folder comes before what is in it. */
  readonly entries: readonly SourceEntry[];
}

/** Where what arrives may take room. Both reject to refuse it. */
export interface SourceRoom {
  /** Before more goes to the disk: the bytes there, and the bytes of the files that have arrived. May wait. */
  grow(bytes: { readonly disk: number; readonly files: number }): Promise<void>;
  /** Before the source is stored under its digest. */
  admit(info: SourceInfo): Promise<void>;
}

export interface IngestOptions {
  readonly signal?: AbortSignal;
  readonly room?: SourceRoom;
}

export interface SourceStore {
  /**
   * Takes in a tar or tar.gz, in constant memory. Refuses with `source_*`, `body_too_large`, or `body_incomplete` when
   * `body` itself fails, and then keeps nothing; rejects with the signal's reason when aborted. `body` is neither
   * drained nor destroyed when it is refused early: the caller may still answer on the same connection.
   */
  ingest(
    body: Readable | AsyncIterable<Uint8Array>,
    options?: IngestOptions,
  ): Promise<SourceInfo & { created: boolean }>;
  /**
   * Takes in the context of a `POST /build` payload (protocol.md), as `ingest` does an archive, and gives what stands beside
   * it. Refuses with `request_invalid` besides when the config is missing or too large.
   */
  ingestPayload(
    body: Readable | AsyncIterable<Uint8Array>,
    options?: IngestOptions,
  ): Promise<SourceInfo & PayloadBeside & { created: boolean }>;
  /** `undefined` for a digest that is unknown or no digest. Counts as a use: what was found stays for a while. */
  find(digest: string): Promise<SourceInfo | undefined>;
  manifest(digest: string): Promise<SourceManifest | undefined>;
  /** The source in its normal form, a tar, for positioned reads. The caller closes the handle. */
  openTar(digest: string): Promise<BlobHandle | undefined>;
  streamTar(digest: string): Promise<Readable | undefined>;
}

/** What a payload holds beside its context. */
interface PayloadBeside {
  /** `com.openfaas.docker.config` as it is. */
  readonly config: Buffer;
  /** `com.openfaas.secrets`, sealed. */
  readonly secrets: Buffer | undefined;
}

/** What reading a source takes. */
export type SourceReader = Pick<SourceStore, 'manifest' | 'openTar'>;

export interface SourceStoreOptions {
  readonly blobs: BlobStore;
  readonly limits: SourceLimits;
  /** Notes what is used, where what is not is removed. */
  readonly claims?: SourceClaims;
}

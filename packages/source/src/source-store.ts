import type { Readable } from 'node:stream';
import type { BlobHandle, BlobStore } from '@slipway/shared/blobs';
import type { SourceClaims } from './source-uses.js';

/** Limits of one upload. */
export interface SourceLimits {
  /** Maximum of bytes of the archive as sent. */
  readonly maxArchiveBytes: number;
  /** Maximum of bytes of all files together, unpacked; a hard link counts as a copy. */
  readonly maxBytes: number;
  /** Maximum of entries of every kind, including implied folders. It also limits the total length of their names (`NameBudget`). */
  readonly maxFiles: number;
  /** Maximum of unpacked bytes per byte sent, checked once an archive has unpacked to more than a mebibyte. */
  readonly maxRatio: number;
}

export interface SourceInfo {
  /** `sha256:<64 hex digits>` of the canonical manifest. */
  readonly digest: string;
  /** The number of files and links, without folders. */
  readonly files: number;
  /** Bytes of all files together, unpacked. */
  readonly bytes: number;
}

/** A line of a manifest. `path` is relative, without a trailing slash. */
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
  /** Entries sorted by the bytes of their paths, so that each folder precedes its content. */
  readonly entries: readonly SourceEntry[];
}

/** The tenant's room for an arriving source. Both methods reject to refuse it. */
export interface SourceRoom {
  /** Called before more bytes go to the disk, with the bytes on the disk and those of the files so far. May wait. */
  grow(bytes: { readonly disk: number; readonly files: number }): Promise<void>;
  /** Called before the source is stored under its digest. */
  admit(info: SourceInfo): Promise<void>;
}

export interface IngestOptions {
  readonly signal?: AbortSignal;
  readonly room?: SourceRoom;
}

export interface SourceStore {
  /**
   * Stores a tar or tar.gz, in constant memory. Rejects with `source_*`, `body_too_large`, or `body_incomplete` when `body` itself
   * fails, and then keeps nothing. Rejects with the signal's reason when aborted. Neither drains nor destroys `body` on an early
   * refusal, so that the caller may still answer on the same connection.
   */
  ingest(
    body: Readable | AsyncIterable<Uint8Array>,
    options?: IngestOptions,
  ): Promise<SourceInfo & { created: boolean }>;
  /**
   * Stores the context of a `POST /build` payload (protocol.md) as `ingest` stores an archive, and returns the entries beside it.
   * Also rejects with `request_invalid` when the config is missing or too large.
   */
  ingestPayload(
    body: Readable | AsyncIterable<Uint8Array>,
    options?: IngestOptions,
  ): Promise<SourceInfo & PayloadBeside & { created: boolean }>;
  /** Returns `undefined` for an unknown or invalid digest. Counts as a use, so that the source stays for some time. */
  find(digest: string): Promise<SourceInfo | undefined>;
  manifest(digest: string): Promise<SourceManifest | undefined>;
  /** Opens the source's tar in the normal form, for positioned reads. The caller closes the handle. */
  openTar(digest: string): Promise<BlobHandle | undefined>;
  streamTar(digest: string): Promise<Readable | undefined>;
}

/** The entries of a payload beside its context. */
interface PayloadBeside {
  /** The content of `com.openfaas.docker.config`. */
  readonly config: Buffer;
  /** The content of `com.openfaas.secrets`, still sealed. */
  readonly secrets: Buffer | undefined;
}

/** The reading part of a source store. */
export type SourceReader = Pick<SourceStore, 'manifest' | 'openTar' | 'streamTar'>;

export interface SourceStoreOptions {
  readonly blobs: BlobStore;
  readonly limits: SourceLimits;
  /** Tracks uses, where unused sources are removed. */
  readonly claims?: SourceClaims;
}

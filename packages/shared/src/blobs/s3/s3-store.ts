import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Adopted,
  type BlobHandle,
  type BlobStore,
  checkKey,
  isKey,
  type Scratch,
} from '../blob-store.js';
import { ByteBudget } from '../byte-budget.js';
import { Bucket } from './bucket.js';
import { codeOfAnswer, isMissing, metAnotherWriter, S3Fault } from './faults.js';
import type { S3Location } from './location.js';
import { probe } from './probe.js';
import { readBeginning, readVersion, streamObject } from './reading.js';
import { openSpool, S3Scratch } from './spool.js';
import { digestField, isLarge, upload } from './upload.js';

const mebibyte = 1024 * 1024;
const day = 24 * 60 * 60 * 1000;
/** S3 lists and removes no more objects at once. */
const pageKeys = 1_000;
/** Limit of all uploads of this process together. */
const memoryBytes = 32 * mebibyte;
const mostConflicts = 10;
const outageMs = 60_000;

interface S3StoreOptions {
  readonly location: S3Location;
  /** The folder for scratches on this machine. */
  readonly temporaryDir: string;
  readonly minFreeBytes?: number;
  /** Larger blobs are sent in parts of this size; the least that S3 takes is 5 MiB. */
  readonly partBytes?: number;
  /** Milliseconds to wait for a store that does not answer at the start. */
  readonly waitMs?: number;
  /** Milliseconds without any byte until a connection is closed. */
  readonly idleMs?: number;
}

/**
 * Opens a store with one object per blob. Scratches are unnamed files of this machine, which become an object by one PUT or by a
 * multipart upload. Their SHA-256 is part of the object's metadata.
 */
export async function openS3BlobStore(options: S3StoreOptions): Promise<BlobStore> {
  const { location, temporaryDir, minFreeBytes = 0, partBytes = 8 * mebibyte, waitMs = outageMs } = options;
  const bucket = new Bucket(location, { idleMs: options.idleMs });
  const { s3 } = bucket;
  const memory = new ByteBudget(Math.max(memoryBytes, partBytes));
  const scratch = await openSpool({ folder: temporaryDir, minFreeBytes });
  await afterOutage(waitMs, () => probe(bucket));

  const head = async (key: string) => {
    try {
      const {
        ContentLength = 0,
        LastModified,
        ETag = '',
        Metadata,
      } = await s3.headObject(bucket.object(key));
      const sha256 = Metadata?.[digestField];
      return { bytes: ContentLength, modified: LastModified ?? new Date(0), etag: ETag, sha256 };
    } catch (error) {
      if (!isMissing(error)) throw error;
      // The answer to HEAD has no code. A missing bucket would turn every source into an unknown one, and fail its jobs.
      await bucket.confirm();
      return undefined;
    }
  };

  const place = async (key: string, own: S3Scratch): Promise<Adopted> => {
    const digest = own.sha256();
    // The question costs less than the bytes of a large blob that is there.
    let there = isLarge(own.bytes, partBytes) ? await head(key) : undefined;
    for (let conflicts = 0; ; ) {
      if (there?.bytes === own.bytes && there.sha256 === digest) return 'same';
      const condition = there ? { IfMatch: there.etag } : { IfNoneMatch: '*' as const };
      try {
        await upload({ bucket, key, scratch: own, condition, memory, partBytes });
        return there ? 'replaced' : 'created';
      } catch (error) {
        if (!metAnotherWriter(error) || ++conflicts > mostConflicts) throw error;
        if ((error as S3Fault).status === 409) await sleep(Math.random() * 100 * conflicts);
        there = await head(key);
      }
    }
  };

  /** Returns false if another process was first. */
  const abort = async (uploaded: Parameters<typeof s3.abortMultipartUpload>[0]): Promise<boolean> => {
    try {
      await s3.abortMultipartUpload(uploaded);
      return true;
    } catch (error) {
      if (error instanceof S3Fault && error.reason === 'NoSuchUpload') return false;
      throw error;
    }
  };

  const removeAll: BlobStore['removeAll'] = async (keys, { signal } = {}) => {
    const objects = keys.map((key) => ({ Key: bucket.object(key).Key }));
    for (let at = 0; at < objects.length; at += pageKeys) {
      const Delete = { Objects: objects.slice(at, at + pageKeys), Quiet: true };
      const { Errors: [refused] = [] } = await s3.deleteObjects(
        { Bucket: location.bucket, Delete },
        { ...(signal && { abortSignal: signal }) },
      );
      if (!refused) continue;
      const { Code: reason = 'unknown' } = refused;
      const status = reason === 'AccessDenied' ? 403 : 500;
      const code = codeOfAnswer(status, reason);
      throw new S3Fault(code, `DeleteObjects: ${reason}`, { status, reason });
    }
  };

  return {
    isRemote: true,
    scratch,
    removeAll,

    async stream(key, range = {}) {
      const { start = 0, end = Number.POSITIVE_INFINITY } = range;
      // HTTP has no empty ranges.
      if (end <= start) return (await head(key)) && Readable.from([]);
      return await streamObject(bucket, key, range);
    },

    async write(key, data) {
      checkKey(key);
      const own = await scratch();
      try {
        for await (const chunk of data) await own.write(chunk);
        await upload({ bucket, key, scratch: own, memory, partBytes });
        return { bytes: own.bytes };
      } finally {
        await own.discard();
      }
    },

    async adopt(blobs) {
      const scratches = blobs.map((blob) => ({ key: blob.key, own: ownScratch(blob.scratch) }));
      const outcomes: Adopted[] = [];
      try {
        for (const { key } of scratches) checkKey(key);
        for (const { key, own } of scratches) outcomes.push(await place(key, own));
        return outcomes;
      } finally {
        for (const { own } of scratches) await own.discard();
      }
    },

    async open(key): Promise<BlobHandle | undefined> {
      const found = await readBeginning(bucket, key);
      if (!found) return undefined;
      const closed = new AbortController();
      return {
        bytes: found.bytes,
        async read(buffer, position) {
          const end = Math.min(position + buffer.length, found.bytes);
          if (position >= end) return 0;
          if (end <= found.beginning.length) return found.beginning.copy(buffer, 0, position, end);
          const wanted = { start: position, end, signal: closed.signal };
          let filled = 0;
          for await (const chunk of readVersion(bucket, { key, etag: found.etag }, wanted)) {
            buffer.set(chunk, filled);
            filled += chunk.length;
          }
          return filled;
        },
        async close() {
          closed.abort();
        },
      };
    },

    async stat(key) {
      const found = await head(key);
      if (!found) return undefined;
      const { bytes, modified, sha256 } = found;
      return { bytes, modified, ...(sha256 !== undefined && { sha256 }) };
    },

    async remove(key) {
      await s3.deleteObject(bucket.object(key));
    },

    async *list(folder) {
      const Prefix = `${bucket.object(folder).Key}/`;
      for (let ContinuationToken: string | undefined; ; ) {
        const page = await s3.listObjectsV2({ Bucket: location.bucket, Prefix, ContinuationToken });
        const keys = (page.Contents ?? []).map(({ Key = '' }) => bucket.keyOf(Key)).filter(isKey);
        if (keys.length > 0) yield keys;
        ContinuationToken = page.NextContinuationToken;
        if (ContinuationToken === undefined) return;
      }
    },

    async sweep({ olderThanMs = day } = {}) {
      let removed = 0;
      const where = { Bucket: location.bucket, Prefix: location.prefix };
      for (let marker = {}; ; ) {
        const page = await s3.listMultipartUploads({ ...where, ...marker });
        // The header has whole seconds.
        const before = (bucket.serverTime() ?? Date.now()) + 1_000 - olderThanMs;
        for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
          if (Initiated === undefined || Initiated.getTime() > before) continue;
          if (await abort({ Bucket: location.bucket, Key, UploadId })) removed++;
        }
        if (!page.IsTruncated) return removed;
        marker = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
      }
    },
  };
}

function ownScratch(scratch: Scratch): S3Scratch {
  if (scratch instanceof S3Scratch) return scratch;
  throw new TypeError('the scratch belongs to another store');
}

/** Repeats the work while the store does not answer, up to a time. */
async function afterOutage<T>(waitMs: number, work: () => Promise<T>): Promise<T> {
  const until = performance.now() + waitMs;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const isOutage = error instanceof S3Fault && error.code === 'storage_unavailable';
      if (!isOutage || performance.now() > until) throw error;
      await sleep(1_000);
    }
  }
}

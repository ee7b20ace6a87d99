import { webcrypto } from 'node:crypto';
import type { CompletedPart } from '@aws-sdk/client-s3';
import type { ByteBudget } from '../byte-budget.js';
import type { Bucket } from './bucket.js';
import { S3Fault } from './faults.js';
import type { S3Location } from './location.js';
import type { S3Scratch } from './spool.js';

/** `IfNoneMatch`: only a new object. `IfMatch`: only over the object with this ETag. */
type Condition = { readonly IfNoneMatch?: '*'; readonly IfMatch?: string };

export interface UploadOptions {
  readonly bucket: Bucket;
  readonly key: string;
  readonly scratch: S3Scratch;
  readonly condition?: Condition;
  /** Bounds the parts in memory. */
  readonly memory: ByteBudget;
  readonly partBytes: number;
}

/** The name of the SHA-256 of the whole content in an object's metadata. The checksum of several parts is one of checksums. */
export const digestField = 'sha256';
/** S3 takes no more parts. */
const mostParts = 10_000;
const partsAtOnce = 4;

/** Returns true if the bytes are sent in parts. */
export const isLarge = (bytes: number, partBytes: number): boolean => bytes > partBytes;

/**
 * Writes a scratch to an object, whole or not at all. Rejects with a fault of status 412, 409 or 404 if the condition does not hold.
 * The scratch stays, so that the caller may try again.
 */
export async function upload(options: UploadOptions): Promise<void> {
  if (isLarge(options.scratch.bytes, options.partBytes)) await uploadParts(options);
  else await put(options);
}

async function put({ bucket, key, scratch, condition, memory }: UploadOptions): Promise<void> {
  const digest = scratch.sha256();
  await memory.run(scratch.bytes, async () => {
    const Body = await piece(scratch, 0, scratch.bytes);
    const ChecksumSHA256 = Buffer.from(digest, 'hex').toString('base64');
    await bucket.s3.putObject({ ...attributes(bucket, key, digest), ...condition, Body, ChecksumSHA256 });
  });
}

async function uploadParts(options: UploadOptions): Promise<void> {
  const { bucket, key, scratch, condition } = options;
  const digest = scratch.sha256();
  const { UploadId } = await bucket.s3.createMultipartUpload({
    ...attributes(bucket, key, digest),
    ChecksumAlgorithm: 'SHA256',
  });
  const target = { ...bucket.object(key), UploadId };
  try {
    const Parts = await sendParts(options, UploadId);
    await bucket.s3.completeMultipartUpload({ ...target, ...condition, MultipartUpload: { Parts } });
  } catch (error) {
    // The call was repeated after an answer that was lost.
    if (error instanceof S3Fault && error.reason === 'NoSuchUpload' && (await holds(options, digest))) return;
    // If this fails too, the daily sweep or the bucket's lifecycle rule removes the parts.
    await bucket.s3.abortMultipartUpload(target).catch(() => undefined);
    throw error;
  }
}

/** Sends all parts, several at once. Rejects when all calls have ended, so that no part arrives after the upload was aborted. */
async function sendParts(options: UploadOptions, UploadId: string | undefined): Promise<CompletedPart[]> {
  const { bucket, key, scratch, memory } = options;
  const size = Math.max(options.partBytes, Math.ceil(scratch.bytes / mostParts));
  const parts: CompletedPart[] = [];
  const stop = new AbortController();
  let next = 0;
  const sendSome = async () => {
    while (next * size < scratch.bytes && !stop.signal.aborted) {
      const index = next++;
      const length = Math.min(size, scratch.bytes - index * size);
      await memory.run(length, async () => {
        const Body = await piece(scratch, index * size, length);
        // On another thread, because this one sends the other parts meanwhile.
        const digest = await webcrypto.subtle.digest('SHA-256', Body);
        const ChecksumSHA256 = Buffer.from(digest).toString('base64');
        const part = { UploadId, PartNumber: index + 1, ChecksumSHA256 };
        const { ETag } = await bucket.s3.uploadPart(
          { ...bucket.object(key), ...part, Body },
          { abortSignal: stop.signal },
        );
        parts[index] = { PartNumber: index + 1, ETag, ChecksumSHA256 };
      });
    }
  };
  let failure: unknown;
  await Promise.all(
    Array.from({ length: partsAtOnce }, () =>
      sendSome().catch((error) => {
        failure ??= error;
        stop.abort();
      }),
    ),
  );
  if (failure !== undefined) throw failure;
  return parts;
}

async function holds({ bucket, key, scratch }: UploadOptions, digest: string): Promise<boolean> {
  const { ContentLength, Metadata } = await bucket.s3.headObject(bucket.object(key));
  return ContentLength === scratch.bytes && Metadata?.[digestField] === digest;
}

/** Returns the fields that every new object has. The policy of a bucket may refuse others. */
export function encryption({ kmsKeyId }: S3Location) {
  return {
    ...(kmsKeyId !== undefined && { ServerSideEncryption: 'aws:kms' as const, SSEKMSKeyId: kmsKeyId }),
  };
}

function attributes(bucket: Bucket, key: string, digest: string) {
  return {
    ...bucket.object(key),
    ...encryption(bucket.location),
    ContentType: 'application/octet-stream',
    Metadata: { [digestField]: digest },
  };
}

/** Returns bytes of a scratch in a buffer of its own, which no pool keeps. */
async function piece(scratch: S3Scratch, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(length);
  await scratch.read(buffer, position);
  return buffer;
}

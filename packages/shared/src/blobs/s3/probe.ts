import { createHash, randomUUID } from 'node:crypto';
import type { Bucket } from './bucket.js';
import { isMissing, S3Fault } from './faults.js';
import { encryption } from './upload.js';

const content = Buffer.from('slipway');
const digest = createHash('sha256').update(content).digest();
const wrongDigest = createHash('sha256').update('another content').digest('base64');
const outages: readonly string[] = ['storage_unavailable', 'storage_unauthorized'];
const wrongEtag = `"${'0'.repeat(32)}"`;

/**
 * Writes, reads and removes a small object, and rejects if the store does not keep what Slipway relies on: conditional writes by one
 * request and by parts, conditional reads, metadata, and checksums of uploads unless the location leaves them out.
 */
export async function probe(bucket: Bucket): Promise<void> {
  const { s3, location } = bucket;
  const object = { Bucket: location.bucket, Key: `${location.prefix}.slipway-probe/${randomUUID()}` };
  const write = { ...object, ...encryption(location), Body: content, Metadata: { probe: 'kept' } };
  await bucket.confirm();
  await missingIs404(s3.headObject(object));
  try {
    await s3.putObject({ ...write, IfNoneMatch: '*', ChecksumSHA256: digest.toString('base64') });
    await refuses(
      [412, 409],
      'a conditional write (If-None-Match)',
      s3.putObject({ ...write, IfNoneMatch: '*' }),
    );
    await refuses([412], 'a conditional write (If-Match)', s3.putObject({ ...write, IfMatch: wrongEtag }));
    await refuses([412], 'a conditional read (If-Match)', s3.getObject({ ...object, IfMatch: wrongEtag }));
    await refusesParts(bucket, object);
    if (location.verifiesChecksums) {
      const remedy = 'add checksums=optional to accept that';
      const wrong = s3.putObject({ ...write, ChecksumSHA256: wrongDigest });
      await refuses([400], `a wrong SHA-256 (${remedy})`, wrong);
    }
    const { Metadata } = await s3.headObject(object);
    if (Metadata?.probe !== 'kept')
      throw new Error('names a store that does not keep the metadata of objects');
  } catch (error) {
    await s3.deleteObject(object).catch(() => undefined);
    throw error;
  }
  await s3.deleteObject(object);
}

/** A user without s3:ListBucket gets 403 for a missing object, as if the user could not read it. */
async function missingIs404(asked: Promise<unknown>): Promise<void> {
  try {
    await asked;
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
}

async function refusesParts(
  { s3, location }: Bucket,
  object: { Bucket: string; Key: string },
): Promise<void> {
  const { UploadId } = await s3.createMultipartUpload({
    ...object,
    ...encryption(location),
    ChecksumAlgorithm: 'SHA256',
  });
  try {
    const part = { PartNumber: 1, ChecksumSHA256: digest.toString('base64') };
    const { ETag } = await s3.uploadPart({ ...object, ...part, UploadId, Body: content });
    const MultipartUpload = { Parts: [{ ...part, ETag }] };
    const completed = s3.completeMultipartUpload({ ...object, UploadId, IfNoneMatch: '*', MultipartUpload });
    await refuses([412, 409], 'a conditional multipart upload (If-None-Match)', completed);
  } finally {
    await s3.abortMultipartUpload({ ...object, UploadId }).catch(() => undefined);
  }
}

/** Rejects unless the store refuses the request with one of the statuses. */
async function refuses(statuses: readonly number[], what: string, asked: Promise<unknown>): Promise<void> {
  try {
    await asked;
  } catch (error) {
    if (error instanceof S3Fault && statuses.includes(error.status ?? 0)) return;
    // 501 means that the store does not know the condition.
    if (error instanceof S3Fault && outages.includes(error.code) && error.status !== 501) throw error;
    throw new Error(`names a store that does not refuse ${what}: ${(error as Error).message}`);
  }
  throw new Error(`names a store that does not refuse ${what}`);
}

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3 } from '@aws-sdk/client-s3';
import { credentialsEnv, type S3Handle, s3Url } from '@slipway/local';
import { type BlobStore, openBlobStore } from '@slipway/shared/blobs';
import { openS3BlobStore, parseLocation, type TestedStore } from '@slipway/shared/blobs/testing';

interface OpenedStore extends TestedStore {
  /** A client for what the store does not do. */
  readonly s3: S3;
  readonly url: string;
  readonly prefix: string;
  readonly temporaryDir: string;
}

let prefixes = 0;

/** The client library of the store reads its credentials from the environment of this process. */
export function useCredentials({ credentials }: Pick<S3Handle, 'credentials'>): void {
  Object.assign(process.env, credentialsEnv(credentials));
}

interface OpenOptions {
  /** The endpoint of a proxy, if there is one. */
  readonly endpoint?: string;
  /** More parameters of the URL. */
  readonly query?: string;
  readonly idleMs?: number;
  readonly waitMs?: number;
  /** Default: the least size that S3 takes. */
  readonly partBytes?: number;
}

interface Server extends Pick<S3Handle, 'endpoint' | 'bucket'> {
  readonly region?: string;
}

/** Opens a store at a prefix of its own, as the services do. */
export async function openAt(server: Server, options: OpenOptions = {}): Promise<OpenedStore> {
  return await opened(server, options, (url, temporaryDir) => openBlobStore(url, { temporaryDir }));
}

/** Opens a store that sends small parts, and may give up earlier. */
export async function openSmall(server: Server, options: OpenOptions = {}): Promise<OpenedStore> {
  const { idleMs, waitMs, partBytes = 5 * 1024 * 1024 } = options;
  return await opened(server, options, (url, temporaryDir) =>
    openS3BlobStore({
      location: parseLocation(new URL(url)),
      ...{ temporaryDir, partBytes },
      ...(idleMs !== undefined && { idleMs }),
      ...(waitMs !== undefined && { waitMs }),
    }),
  );
}

async function opened(
  server: Server,
  { endpoint = server.endpoint, query = '' }: OpenOptions,
  open: (url: string, temporaryDir: string) => Promise<BlobStore>,
): Promise<OpenedStore> {
  const prefix = `p${++prefixes}`;
  const temporaryDir = await mkdtemp(join(tmpdir(), 'slipway-s3-'));
  const { bucket: Bucket, region = 'us-east-1' } = server;
  const s3 = new S3({ region, endpoint: server.endpoint, forcePathStyle: true });
  const dispose = async () => {
    s3.destroy();
    await rm(temporaryDir, { recursive: true });
  };
  const leftovers = async () => {
    const { Uploads = [] } = await s3.listMultipartUploads({ Bucket, Prefix: `${prefix}/` });
    return Uploads.length;
  };
  const interrupt = () => s3.createMultipartUpload({ Bucket, Key: `${prefix}/half` });
  const url = new URL(s3Url({ bucket: Bucket, endpoint, prefix }) + query);
  url.searchParams.set('region', region);
  try {
    const store = await open(url.href, temporaryDir);
    return { url: url.href, s3, prefix, temporaryDir, store, interrupt, leftovers, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

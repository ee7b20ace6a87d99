import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3 } from '@aws-sdk/client-s3';
import { credentialsEnv, type S3Handle, s3Url } from '@slipway/local';
import { openBlobStore } from '@slipway/shared/blobs';
import type { TestedStore } from '@slipway/shared/blobs/testing';

export interface OpenedStore extends TestedStore {
  /** A client for what the store does not do. */
  readonly s3: S3;
  readonly prefix: string;
  readonly temporaryDir: string;
}

let prefixes = 0;

/** The client library of the store reads its credentials from the environment of this process. */
export function useCredentials({ credentials }: Pick<S3Handle, 'credentials'>): void {
  Object.assign(process.env, credentialsEnv(credentials));
}

/** Opens a store at a prefix of its own. `endpoint` is that of a proxy, if there is one. */
export async function openAt(
  server: S3Handle,
  options: { readonly endpoint?: string; readonly query?: string } = {},
): Promise<OpenedStore> {
  const { endpoint = server.endpoint, query = '' } = options;
  const prefix = `p${++prefixes}`;
  const temporaryDir = await mkdtemp(join(tmpdir(), 'slipway-s3-'));
  const { bucket: Bucket } = server;
  const s3 = new S3({ region: 'us-east-1', endpoint: server.endpoint, forcePathStyle: true });
  const uploads = async () => {
    const { Uploads = [] } = await s3.listMultipartUploads({ Bucket, Prefix: `${prefix}/` });
    return Uploads.length;
  };
  const store = await openBlobStore(s3Url({ bucket: Bucket, endpoint, prefix }) + query, { temporaryDir });
  return {
    ...{ s3, prefix, temporaryDir, store },
    interrupt: () => s3.createMultipartUpload({ Bucket, Key: `${prefix}/half` }),
    leftovers: uploads,
    async dispose() {
      s3.destroy();
      await rm(temporaryDir, { recursive: true });
    },
  };
}

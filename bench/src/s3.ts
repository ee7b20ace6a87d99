import { join } from 'node:path';
import { S3 } from '@aws-sdk/client-s3';
import { credentialsEnv, type S3Handle, s3Url, startVersitygw } from '@slipway/local';

/** An S3 server for a bench, and a plain client of it. */
export interface BenchS3 {
  readonly server: S3Handle;
  /** The `BLOB_STORE` of the bench. */
  readonly blobStore: string;
  readonly plain: S3;
  stop(): Promise<void>;
}

/** Starts an S3 server whose data is below `folder`. Stores of this process and its children have its credentials. */
export async function startS3(folder: string): Promise<BenchS3> {
  const server = await startVersitygw({ dir: join(folder, 's3') });
  Object.assign(process.env, credentialsEnv(server.credentials));
  const plain = new S3({ region: 'us-east-1', endpoint: server.endpoint, forcePathStyle: true });
  return {
    server,
    blobStore: s3Url({ bucket: server.bucket, endpoint: server.endpoint, prefix: 'blobs' }),
    plain,
    async stop() {
      plain.destroy();
      await server.stop();
    },
  };
}

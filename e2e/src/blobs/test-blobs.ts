import { credentialsEnv, type S3Handle, s3Url, startVersitygw } from '@slipway/local';

/** The blob store that a test gives to its services. */
export interface TestBlobs {
  /** Settings of the API and the workers. Empty for the folder that they have by default. */
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** Starts the blob store that SLIPWAY_TEST_BLOBS names: `file` (the default) or `s3`. */
export async function startTestBlobs(): Promise<TestBlobs> {
  const kind = process.env.SLIPWAY_TEST_BLOBS || 'file';
  switch (kind) {
    case 'file':
      return { env: {}, stop: async () => undefined };
    case 's3': {
      const server = await startVersitygw();
      return { env: s3Env(server), stop: () => server.stop() };
    }
    default:
      throw new Error(`SLIPWAY_TEST_BLOBS must be file or s3, not '${kind}'`);
  }
}

/** Returns the settings of services whose blobs are in this bucket, through a proxy if `endpoint` names one. */
export function s3Env(
  server: Pick<S3Handle, 'bucket' | 'endpoint' | 'credentials'>,
  { endpoint = server.endpoint } = {},
): Readonly<Record<string, string>> & { readonly BLOB_STORE: string } {
  return {
    BLOB_STORE: s3Url({ bucket: server.bucket, endpoint, prefix: 'blobs' }),
    ...credentialsEnv(server.credentials),
  };
}

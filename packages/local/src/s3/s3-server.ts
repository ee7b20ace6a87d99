import type { ProcessHandle } from '../process.js';

export interface S3Options {
  /** Default: a free port. Give it, with a folder of your own, to start a killed server again in its place. */
  readonly port?: number;
  /** The bucket that exists from the start. Default `slipway`. */
  readonly bucket?: string;
  readonly logFile?: string;
  /** Aborting it while this gets ready ends it. */
  readonly signal?: AbortSignal;
}

/** An S3 server on this machine, with one bucket. */
export interface S3Handle extends ProcessHandle {
  /** `http://127.0.0.1:PORT` */
  readonly endpoint: string;
  readonly port: number;
  readonly bucket: string;
  /** The credentials of its only user. */
  readonly credentials: S3Credentials;
}

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export const defaultBucket = 'slipway';
export const defaultCredentials: S3Credentials = {
  accessKeyId: 'slipway-test',
  secretAccessKey: 'slipway-test-secret',
};

/** Returns the credentials as the environment variables that S3 clients read. */
export const credentialsEnv = ({ accessKeyId, secretAccessKey }: S3Credentials) => ({
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
});

/** Returns the `BLOB_STORE` of this bucket below a prefix, at the endpoint of the server or of a proxy before it. */
export function s3Url({
  bucket,
  endpoint,
  prefix = '',
}: Pick<S3Handle, 'bucket' | 'endpoint'> & { readonly prefix?: string }): string {
  const query = new URLSearchParams({ region: 'us-east-1', endpoint, path_style: 'true' });
  return `s3://${bucket}/${prefix}?${query}`;
}

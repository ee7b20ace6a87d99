import { S3 } from '@aws-sdk/client-s3';
import { checkKey } from '../blob-store.js';
import { faultOf } from './faults.js';
import type { S3Location } from './location.js';

const connectMs = 5_000;
/** Milliseconds without any byte until a connection is closed. */
const usualIdleMs = 30_000;
/** Each call, with backoff between: some seconds altogether. */
const maxAttempts = 5;
const maxSockets = 256;

/** The connection to one bucket. All its calls reject with `S3Fault`. */
export class Bucket {
  readonly location: S3Location;
  readonly s3: S3;
  #serverDate: string | undefined;

  constructor(location: S3Location, { idleMs = usualIdleMs }: { readonly idleMs?: number | undefined } = {}) {
    this.location = location;
    this.s3 = new S3({
      region: location.region,
      ...(location.endpoint !== undefined && { endpoint: location.endpoint }),
      forcePathStyle: location.pathStyle,
      maxAttempts,
      requestHandler: {
        ...{ connectionTimeout: connectMs, socketTimeout: idleMs },
        ...{ httpAgent: { maxSockets }, httpsAgent: { maxSockets } },
      },
      // Every upload has a SHA-256 of its own. Its body is in memory, so that it needs no permission to be sent.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      expectContinueHeader: false,
    });
    this.s3.middlewareStack.add(
      (next, { commandName = 'S3' }) =>
        async (args) => {
          try {
            return await next(args);
          } catch (error) {
            throw faultOf(error, commandName.replace(/Command$/, ''));
          }
        },
      { step: 'initialize', priority: 'high' },
    );
    this.s3.middlewareStack.add(
      (next, { commandName = '' }) =>
        async (args) => {
          const { headers } = args.request as { readonly headers: Record<string, string> };
          const checksum = headers['x-amz-checksum-sha256'];
          // The signature covers the SHA-256 of the body too. The client would compute it a second time.
          if (checksum && /^(PutObject|UploadPart)Command$/.test(commandName)) {
            headers['x-amz-content-sha256'] = Buffer.from(checksum, 'base64').toString('hex');
          }
          return await next(args);
        },
      { step: 'build', priority: 'low' },
    );
    this.s3.middlewareStack.add(
      (next) => async (args) => {
        const result = await next(args);
        const { headers } = result.response as { readonly headers?: Readonly<Record<string, string>> };
        this.#serverDate = headers?.date ?? this.#serverDate;
        return result;
      },
      { step: 'deserialize', priority: 'low' },
    );
  }

  /** Returns the fields that name an object. Throws a RangeError for a key outside the grammar. */
  object(key: string): { readonly Bucket: string; readonly Key: string } {
    checkKey(key);
    return { Bucket: this.location.bucket, Key: `${this.location.prefix}${key}` };
  }

  /** Rejects if the bucket is missing or refused. Unlike an answer to HEAD, an answer to a list says why. */
  async confirm(): Promise<void> {
    await this.s3.listObjectsV2({ Bucket: this.location.bucket, Prefix: this.location.prefix, MaxKeys: 1 });
  }

  /** Returns the key of an object below the prefix. */
  keyOf(name: string): string {
    return name.slice(this.location.prefix.length);
  }

  /** Returns the time of the server's last answer, in milliseconds, because the clock of this machine may differ. */
  serverTime(): number | undefined {
    const time = Date.parse(this.#serverDate ?? '');
    return Number.isNaN(time) ? undefined : time;
  }
}

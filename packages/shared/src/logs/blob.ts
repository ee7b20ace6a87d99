import type { Readable } from 'node:stream';

/** What the logs need of a blob store. */
export interface LogBlobs {
  write(key: string, body: AsyncIterable<Uint8Array>): Promise<unknown>;
  stat(key: string): Promise<{ readonly bytes: number } | undefined>;
  stream(key: string): Promise<Readable | undefined>;
}

export const logBlobKey = (jobId: string, attempt: number) => `logs/${jobId}/${attempt}.log`;

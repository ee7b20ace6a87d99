import type { Readable } from 'node:stream';

/** The methods of a blob store that logs need. */
export interface LogBlobs {
  write(
    key: string,
    body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    options?: { readonly durable?: boolean },
  ): Promise<unknown>;
  stat(key: string): Promise<{ readonly bytes: number } | undefined>;
  stream(key: string): Promise<Readable | undefined>;
}

/** Returns the key of an attempt's log. Keys spread over a thousand folders by the random end of the id: a folder per job would cost more than the log. */
export const logBlobKey = (jobId: string, attempt: number) =>
  `logs/${jobId.slice(-2)}/${jobId}.${attempt}.log`;

import type { Readable } from 'node:stream';

/** What the logs need of a blob store. */
export interface LogBlobs {
  write(
    key: string,
    body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    options?: { readonly durable?: boolean },
  ): Promise<unknown>;
  stat(key: string): Promise<{ readonly bytes: number } | undefined>;
  stream(key: string): Promise<Readable | undefined>;
}

/** Spread over a thousand folders by the random end of the id: a folder a job would cost more than its log. */
export const logBlobKey = (jobId: string, attempt: number) =>
  `logs/${jobId.slice(-2)}/${jobId}.${attempt}.log`;

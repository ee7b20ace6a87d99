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

/**
 * Returns the key of the end of an attempt's log, which is written last: a log with this blob is complete. A small log is this blob
 * alone. Keys spread over a thousand folders by the random end of the id: a folder per job would cost more than the log.
 */
export const logBlobKey = (jobId: string, attempt: number) =>
  `logs/${jobId.slice(-2)}/${jobId}.${attempt}.log`;

/** Returns the key of a part of a large log, which is written while the build runs. Parts count from 1 and precede the end. */
export const logPartKey = (jobId: string, attempt: number, part: number) =>
  `${logBlobKey(jobId, attempt)}.${part}`;

/** Returns all keys that the logs of a job may have. `logParts` is the largest number of parts of an attempt. */
export function logKeys({ id, attempt, logParts }: LogOwner): string[] {
  const keys: string[] = [];
  for (let number = 1; number <= attempt; number++) {
    keys.push(logBlobKey(id, number));
    for (let part = 1; part <= logParts; part++) keys.push(logPartKey(id, number, part));
  }
  return keys;
}

interface LogOwner {
  readonly id: string;
  readonly attempt: number;
  readonly logParts: number;
}

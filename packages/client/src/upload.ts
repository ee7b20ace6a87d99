import type { components } from './schema.js';
import { fewRetries, type Send } from './send.js';

export type Source = components['schemas']['Source'];

/** A tar or tar.gz. Bytes in memory and functions can be sent again when the server is away; an iterable cannot. */
export type Archive = Uint8Array | AsyncIterable<Uint8Array> | (() => AsyncIterable<Uint8Array>);

interface SendArchiveOptions {
  readonly send: Send;
  readonly method: 'POST' | 'PUT';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly archive: Archive;
  readonly signal: AbortSignal | undefined;
}

/** Streams an archive to the server. Rejects with the archive's own error when reading it fails. */
export async function sendArchive<T>(options: SendArchiveOptions): Promise<{ body: T; created: boolean }> {
  const { send, method, url, headers, archive, signal } = options;
  const again = archive instanceof Uint8Array || typeof archive === 'function';
  // `fetch` would make a failure of the archive look like one of the connection.
  let unreadable: { readonly error: unknown } | undefined;
  const watched = async function* (chunks: AsyncIterable<Uint8Array>) {
    try {
      yield* chunks;
    } catch (error) {
      unreadable = { error };
      throw error;
    }
  };
  const content = () => {
    if (archive instanceof Uint8Array) return archive;
    return watched(typeof archive === 'function' ? archive() : archive);
  };
  try {
    const response = await send({
      request: () =>
        new Request(url, {
          method,
          headers: { ...headers, 'Content-Type': 'application/octet-stream' },
          body: content(),
          duplex: 'half',
          redirect: 'manual',
          ...(signal && { signal }),
        }),
      retries: again ? fewRetries : 0,
    });
    return { body: (await response.json()) as T, created: response.status === 201 };
  } catch (error) {
    throw unreadable ? unreadable.error : error;
  }
}

import type { IncomingMessage } from 'node:http';
import { SlipwayError } from '../errors/index.js';
import type { Arrival } from './unverified-payloads.js';

interface UnverifiedBodyOptions {
  readonly request: IncomingMessage;
  readonly arrival: Arrival;
  readonly maxBytes: number;
}

/**
 * Yields the body of a request in pieces, each once there is room for it. Does not read the request while it waits. Throws
 * `body_too_large`, `body_incomplete` when the client disconnects, and the reason of the arrival's signal. The request stays open,
 * so that the client can read the answer.
 */
export async function* unverifiedBody({
  request,
  arrival,
  maxBytes,
}: UnverifiedBodyOptions): AsyncGenerator<Buffer, void> {
  const tooLarge = () => new SlipwayError('body_too_large', `The body is larger than ${maxBytes} bytes.`);
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge();
  const stopped = rejectionOf(arrival.signal);
  const pieces = request.iterator({ destroyOnReturn: false });
  let isPending = false;
  let bytes = 0;
  try {
    for (;;) {
      isPending = true;
      const next = await Promise.race([nextOf(pieces), stopped]);
      isPending = false;
      if (next.done) return;
      bytes += next.value.length;
      if (bytes > maxBytes) throw tooLarge();
      await arrival.grow(bytes);
      yield next.value;
    }
  } catch (error) {
    if (error instanceof SlipwayError || request.complete || arrival.signal.aborted) throw error;
    throw new SlipwayError('body_incomplete', undefined, { cause: error });
  } finally {
    // Calling `return` would wait for the pending piece, too.
    if (!isPending) await pieces.return?.();
  }
}

function nextOf(pieces: AsyncIterator<Buffer>): Promise<IteratorResult<Buffer>> {
  const next = pieces.next();
  // After an abort, no other handler exists.
  next.catch(() => undefined);
  return next;
}

function rejectionOf(signal: AbortSignal): Promise<never> {
  const rejection = new Promise<never>((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  rejection.catch(() => undefined);
  return rejection;
}

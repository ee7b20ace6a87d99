import { ApiError, type Client, type LiveEvent } from '@slipway/client';
import type { LiveState } from './live-context.js';

interface FollowOptions {
  readonly client: Pick<Client, 'followEvents'>;
  readonly signal: AbortSignal;
  readonly onState: (state: LiveState) => void;
  readonly onEvent: (event: LiveEvent) => void;
  /** Called when the API no longer accepts the token. No events follow. */
  readonly onRefused: (error: ApiError) => void;
  readonly firstDelayMs?: number;
  /** Milliseconds of silence after which the connection counts as dead. The server sends something every 15 seconds. */
  readonly silenceMs?: number;
}

const longestDelayMs = 15_000;

/** Follows live events until `signal` is aborted. It reconnects after every loss, with increasing backoff. */
export async function followForever({
  client,
  signal,
  onState,
  onEvent,
  onRefused,
  firstDelayMs = 500,
  silenceMs = 40_000,
}: FollowOptions): Promise<void> {
  let after: string | undefined;
  let failures = 0;
  while (!signal.aborted) {
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), silenceMs);
    try {
      for await (const event of client.followEvents({
        after,
        signal: AbortSignal.any([signal, silence.signal]),
      })) {
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), silenceMs);
        failures = 0;
        onState('live');
        if ('position' in event && event.position !== '') after = event.position;
        onEvent(event);
      }
    } catch (error) {
      if (error instanceof ApiError && (error.status === 401 || error.status === 403)) {
        onState('waiting');
        return onRefused(error);
      }
      // Any other error: retry, and show `waiting` meanwhile.
    } finally {
      clearTimeout(timer);
    }
    if (signal.aborted) return;
    onState('waiting');
    // Jitter: not all pages reconnect at the same moment when a server is back.
    const delayMs = Math.min(firstDelayMs * 2 ** failures, longestDelayMs) * (0.75 + Math.random() / 2);
    failures++;
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(wake);
        signal.removeEventListener('abort', end);
        resolve();
      };
      const wake = setTimeout(end, delayMs);
      signal.addEventListener('abort', end);
    });
  }
}

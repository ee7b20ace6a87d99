import { ApiError, type Client, type LiveEvent } from '@slipway/client';
import type { LiveState } from './live-context.js';

interface FollowOptions {
  readonly client: Pick<Client, 'followEvents'>;
  readonly signal: AbortSignal;
  readonly onState: (state: LiveState) => void;
  readonly onEvent: (event: LiveEvent) => void;
  /** The token is no longer taken: nothing more will come. */
  readonly onRefused: (error: ApiError) => void;
  readonly firstDelayMs?: number;
  /** Milliseconds without a word after which the connection is taken for dead. The server speaks every 15 seconds. */
  readonly silenceMs?: number;
}

const longestDelayMs = 15_000;

/** Follows what happens until `signal` is aborted, through every loss of the connection, with longer and longer waits. */
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
      // Whatever else it was, another try is all that can be done, and `waiting` says so.
    } finally {
      clearTimeout(timer);
    }
    if (signal.aborted) return;
    onState('waiting');
    // Not all pages of all people at the same moment, when a server has come back.
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

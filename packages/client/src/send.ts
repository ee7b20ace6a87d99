import { ApiError, ConnectionError, connectionCode, readProblem } from './errors.js';

interface SendOptions {
  /** Returns a new request for each try. */
  readonly request: () => Request;
  /** Retries while the server is away. Only for requests that are safe to repeat: reads, idempotent writes, requests with a key. */
  readonly retries: number;
}

/** Retries for a caller that waits for one answer: about a second and a half. */
export const fewRetries = 3;
/** Retries while following a job: about a minute, as long as a restart of the server may take. */
export const manyRetries = 15;

const longestDelayMs = 5_000;
const retryableStatus: readonly number[] = [502, 503];
const retryableCode: readonly (string | undefined)[] = [
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'UND_ERR_SOCKET',
];

export type Send = (options: SendOptions) => Promise<Response>;

/**
 * Returns a function that sends a request until it is answered with 2xx. It rejects with `ApiError`, with `ConnectionError`, or
 * with the reason of the request's signal when that is aborted.
 */
export function createSend({ firstDelayMs }: { firstDelayMs: number }): Send {
  return async ({ request: make, retries }) => {
    for (let tried = 0; ; tried++) {
      const request = make();
      const { outcome, retryable } = await attempt(request);
      if (outcome instanceof Response) return outcome;
      const limit = keyFindsIt(outcome) ? Math.max(retries, manyRetries) : retries;
      if (!retryable || tried >= limit) throw outcome;
      const afterMs = 'retryAfter' in outcome ? (outcome.retryAfter ?? 0) * 1_000 : 0;
      const delayMs = Math.min(Math.max(firstDelayMs * 2 ** tried, afterMs), longestDelayMs);
      await pause(delayMs, request.signal);
    }
  };
}

/** Waits, or rejects with the signal's reason. */
export function pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, delayMs);
    signal?.addEventListener('abort', stop, { once: true });
  });
}

async function attempt(request: Request) {
  let response: Response;
  try {
    response = await fetch(request);
  } catch (cause) {
    request.signal.throwIfAborted();
    const outcome = new ConnectionError({ server: new URL(request.url).origin, cause });
    return { outcome, retryable: retryableCode.includes(connectionCode(cause)) || isUnexplained(cause) };
  }
  if (response.ok) return { outcome: response, retryable: false };
  const outcome = await readProblem(response);
  return { outcome, retryable: retryableStatus.includes(response.status) || keyFindsIt(outcome) };
}

/** Browsers hide from scripts why no answer came. */
const isUnexplained = (error: unknown): boolean => error instanceof TypeError && error.cause === undefined;

/** Codes of a request that the server has carried out or is carrying out. The same key finds what it creates. */
const carriedOut: readonly string[] = ['idempotency_key_in_progress', 'redis_not_replicated'];
const keyFindsIt = (outcome: Error): boolean =>
  outcome instanceof ApiError && carriedOut.includes(outcome.code);

import type { IncomingHttpHeaders } from 'node:http';

/** Limit of a wait that a registry asks for. */
const longestMs = 6 * 3600 * 1_000;
/** Part of a limit at which requests slow down. */
const scarce = 0.05;

/** Returns the milliseconds after which a registry takes the next request (`Retry-After`, RFC 9110 10.2.3); undefined if it does not say. */
export function retryAfterMs(headers: IncomingHttpHeaders, now: number): number | undefined {
  const text = headers['retry-after']?.trim();
  if (text === undefined || text === '') return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), longestMs) : undefined;
}

/**
 * Returns the milliseconds to pause after an answer so that a rate limit is not reached; undefined while there is room. Reads `RateLimit-Limit`,
 * `RateLimit-Remaining` and `RateLimit-Reset`, also with a window as Docker Hub sends them (`76;w=21600`), and those with the prefix `X-`.
 */
export function rateLimitMs(headers: IncomingHttpHeaders): number | undefined {
  const read = (name: string) => {
    const value = headers[`ratelimit-${name}`] ?? headers[`x-ratelimit-${name}`];
    return typeof value === 'string' ? value : '';
  };
  const remaining = number(read('remaining'));
  const limit = number(read('limit'));
  if (remaining === undefined || remaining > (limit ?? 0) * scarce) return undefined;
  const windowSeconds = number(/;\s*w=(\d+)/.exec(`${read('limit')} ${read('remaining')}`)?.[1] ?? '');
  const perRequest = windowSeconds === undefined ? undefined : windowSeconds / Math.max(limit ?? 1, 1);
  // A time stamp in place of seconds is far above any window.
  const reset = number(read('reset'));
  const seconds = perRequest ?? (reset !== undefined && reset <= longestMs / 1_000 ? reset : 60);
  return Math.min(seconds * 1_000, longestMs);
}

function number(text: string): number | undefined {
  const [, digits] = /^\s*(\d{1,12})\b/.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

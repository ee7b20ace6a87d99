import type { Response } from 'express';
import type { Directory } from './directory.js';

interface WatchOptions {
  readonly directory: Pick<Directory, 'principal' | 'onChange'>;
  readonly token: string;
  /** The answer during which the token is watched. */
  readonly res: Response;
}

/** Milliseconds between two checks, for expiry and for changes that were not reported to this process. */
const lookEveryMs = 2_000;

/** Returns a signal that aborts when the token is revoked or expires, or its tenant is removed. */
export function watchToken({ directory, token, res }: WatchOptions): AbortSignal {
  const ended = new AbortController();
  const look = async () => {
    try {
      if (!(await directory.principal(token))) ended.abort();
    } catch {
      // While Redis is unavailable the token stays valid; the next check decides.
    }
  };
  const timer = setInterval(look, lookEveryMs).unref();
  const forget = directory.onChange(() => void look());
  res.once('close', () => {
    clearInterval(timer);
    forget();
  });
  return ended.signal;
}

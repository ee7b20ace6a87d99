import type { Response } from 'express';
import type { Directory } from './directory.js';

interface WatchOptions {
  readonly directory: Pick<Directory, 'principal' | 'onChange'>;
  readonly token: string;
  /** The answer for whose time it is watched. */
  readonly res: Response;
}

/** For what nobody tells of: an end that was set, and changes that this process has not heard of. */
const lookEveryMs = 2_000;

/** Aborted once a token is no longer taken: it was revoked, has expired, or its tenant is gone. */
export function watchToken({ directory, token, res }: WatchOptions): AbortSignal {
  const ended = new AbortController();
  const look = async () => {
    try {
      if (!(await directory.principal(token))) ended.abort();
    } catch {
      // That Redis is away says nothing about the token; the next look will.
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

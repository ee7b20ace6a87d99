import type { Request, Response } from 'express';

const lingerMs = 2_000;

/** Returns a signal that aborts when the client disconnects before the answer is complete. */
export function closedSignal(res: Response): AbortSignal {
  const controller = new AbortController();
  res.once('close', () => {
    if (!res.writableEnded) controller.abort(new Error('the client went away'));
  });
  return controller.signal;
}

/**
 * Closes the connection after an early answer. Reads the rest of the request for a moment first, so that the client sees the answer.
 * Does not send `Connection: close`: Node would close at once, and a reset for the remaining bytes could overtake the answer.
 */
export function lingerThenClose(req: Request, res: Response): void {
  req.resume();
  res.once('finish', () =>
    setTimeout(() => {
      if (!req.complete) req.destroy();
    }, lingerMs).unref(),
  );
}

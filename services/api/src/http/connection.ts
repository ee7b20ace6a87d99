import type { Request, Response } from 'express';

const lingerMs = 2_000;

/** Aborted when the client goes away before it has been answered. */
export function closedSignal(res: Response): AbortSignal {
  const controller = new AbortController();
  res.once('close', () => {
    if (!res.writableEnded) controller.abort(new Error('the client went away'));
  });
  return controller.signal;
}

/**
 * For an answer given before the request was read whole: the rest is read for a moment, so that the client
 * gets to see the answer instead of a reset, and then the connection is closed.
 */
export function lingerThenClose(req: Request, res: Response): void {
  res.set('Connection', 'close');
  req.resume();
  res.once('finish', () => setTimeout(() => req.destroy(), lingerMs).unref());
}

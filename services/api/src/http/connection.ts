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
 * For an answer given before the request was read whole: the rest is read for a moment, so that the client gets to see the
 * answer, and then the connection is closed. The answer does not say so, for Node would close the connection with it, and what
 * then still comes would be answered with a reset that can overtake the answer.
 */
export function lingerThenClose(req: Request, res: Response): void {
  req.resume();
  res.once('finish', () =>
    setTimeout(() => {
      if (!req.complete) req.destroy();
    }, lingerMs).unref(),
  );
}

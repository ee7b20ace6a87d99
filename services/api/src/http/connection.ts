import type { Request, Response } from 'express';

const lingerMs = 2_000;

/** Returns a signal that aborts when the client disconnects before the answer is complete. */
export function closedSignal(res: Response): AbortSignal {
  const controller = new AbortController();
  const onClose = () => {
    if (!res.writableEnded) controller.abort(new Error('the client went away'));
  };
  if (res.closed) onClose();
  else res.once('close', onClose);
  return controller.signal;
}

/**
 * Resolves when an answer that was ended has left this process (true), or its connection has closed before (false). `closed` is its `closedSignal`: Node takes
 * an answer that is ended after the connection for finished.
 */
export async function isSent(res: Response, closed: AbortSignal): Promise<boolean> {
  if (closed.aborted) return false;
  if (!res.writableFinished && !res.closed) {
    await new Promise<void>((resolve) => void res.once('finish', resolve).once('close', resolve));
  }
  return res.writableFinished;
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

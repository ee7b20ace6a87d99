import type { IncomingMessage, ServerResponse } from 'node:http';
import { SlipwayError } from '@slipway/shared/errors';

const timeoutHeader = 'x-slipway-timeout-ms';

/** The time limit of a build in ms: the builder's own, which a request can only shorten. Throws `request_invalid`. */
export function timeLimit(request: IncomingMessage, ownMs: number): number {
  const header = request.headers[timeoutHeader];
  if (header === undefined) return ownMs;
  if (typeof header !== 'string' || !/^[1-9]\d{0,14}$/.test(header)) {
    throw new SlipwayError('request_invalid', `${timeoutHeader} is not a whole number of milliseconds.`);
  }
  return Math.min(ownMs, Number(header));
}

interface StopOptions {
  /** The build stops when this answer is closed before its end. Undefined: it goes on without its client. */
  readonly response: ServerResponse | undefined;
  readonly limitMs: number;
  /** Its reason becomes the build's. */
  readonly drained: AbortSignal;
}

/**
 * When a build must stop: `timed_out` after `limitMs`, `canceled` when the client goes away before it has its answer, or
 * the end of a drain. `clear` when the build has ended. (Not AbortSignal.any: what it adds to a signal that lives as long as the
 * process, Node 20 never lets go.)
 */
export function stopSignal({ response, limitMs, drained }: StopOptions): {
  signal: AbortSignal;
  /** Stops the build for another reason. */
  stop(reason: SlipwayError): void;
  clear(): void;
} {
  const controller = new AbortController();
  const onDrained = () => controller.abort(drained.reason);
  const onClose = () => {
    if (!response?.writableFinished) controller.abort(new SlipwayError('canceled', 'The client went away.'));
  };
  const onTime = () => {
    controller.abort(new SlipwayError('timed_out', `The build took longer than ${limitMs} ms.`));
  };
  // A timer takes no more than 31 bits, some 25 days.
  const timer = setTimeout(onTime, Math.min(limitMs, 2 ** 31 - 1));
  response?.once('close', onClose);
  drained.addEventListener('abort', onDrained);
  if (drained.aborted) onDrained();
  if (response?.closed || response?.destroyed) onClose();
  return {
    signal: controller.signal,
    stop: (reason) => controller.abort(reason),
    clear: () => {
      clearTimeout(timer);
      response?.off('close', onClose);
      drained.removeEventListener('abort', onDrained);
    },
  };
}

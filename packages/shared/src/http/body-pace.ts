import type { IncomingMessage, ServerResponse } from 'node:http';
import { SlipwayError } from '../errors/index.js';
import { endWithProblem } from './raw-problem.js';

interface PaceOptions {
  readonly minBytesPerSecond: number;
  /** The time over which the pace is measured. */
  readonly graceMs: number;
}

interface Stretch {
  readonly since: number;
  /** Bytes that the connection had received by then. */
  readonly bytes: number;
}

/**
 * Ends requests whose bodies arrive slower than a minimum pace. There is no limit for the whole request: a large upload over a
 * slow line takes as long as it takes. Only the time in which the server waits for the client counts, not the time in which
 * received bytes wait to be read.
 */
export class BodyPace {
  readonly #options: PaceOptions;
  readonly #bodies = new Map<IncomingMessage, { readonly res: ServerResponse; stretch: Stretch }>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PaceOptions) {
    this.#options = options;
  }

  watch(req: IncomingMessage, res: ServerResponse): void {
    const { minBytesPerSecond } = this.#options;
    const hasBody =
      req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0;
    if (!hasBody || minBytesPerSecond === 0) return;
    this.#bodies.set(req, { res, stretch: begin(req) });
    const forget = () => {
      this.#bodies.delete(req);
      if (this.#bodies.size === 0) this.close();
    };
    req.once('close', forget);
    this.#timer ??= setInterval(() => this.#look(), this.#options.graceMs / 3).unref();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const { minBytesPerSecond, graceMs } = this.#options;
    for (const [req, body] of this.#bodies) {
      if (req.complete) this.#bodies.delete(req);
      else if (req.readableLength > 0) body.stretch = begin(req);
      else {
        const { since, bytes } = body.stretch;
        const ms = performance.now() - since;
        if (ms < graceMs) continue;
        if (req.socket.bytesRead - bytes < (minBytesPerSecond * ms) / 1_000) end(req, body.res);
        else body.stretch = begin(req);
      }
    }
  }
}

const begin = ({ socket }: IncomingMessage): Stretch => ({
  since: performance.now(),
  bytes: socket.bytesRead,
});

function end(req: IncomingMessage, res: ServerResponse): void {
  const tooSlow = new SlipwayError('body_too_slow');
  if (res.headersSent) {
    req.destroy(tooSlow);
    return;
  }
  res.once('finish', () => req.destroy(tooSlow));
  endWithProblem(res, tooSlow);
}

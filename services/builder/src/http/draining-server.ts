import { httpServer, type ServiceListen } from '@slipway/shared/http';
import { type Component, timeForWork, untilAborted } from '@slipway/shared/lifecycle';
import type { Express } from 'express';
import type { Slots } from '../builds/slots.js';
import type { Drain } from '../drain.js';

interface DrainingServerOptions extends ServiceListen {
  readonly app: Express;
  readonly drain: Drain;
  readonly slots: Slots;
  /** Resolves when clients have read the results of builds with an id. */
  readonly fetched: () => Promise<void>;
  readonly shutdownGraceMs: number;
  /** Milliseconds to answer connected clients after the last build. Their next calls then find a builder that drains, and no closed port. */
  readonly lingerMs: number;
}

/** Milliseconds of the grace time to end builds and to answer their clients. */
const reserveMs = 5_000;

/**
 * The builder's HTTP server. When it is stopped it goes on listening, so that new builds are refused with a 503 rather
 * than a closed port, until the running ones have ended; when the grace time is nearly over, those are ended.
 */
export function drainingServer(options: DrainingServerOptions): Component {
  const { drain, slots, logger, shutdownGraceMs, fetched } = options;
  return {
    name: options.name,
    async run(signal) {
      const closed = new AbortController();
      const server = httpServer(options);
      const onStop = async () => {
        drain.begin();
        logger.info({ builds: slots.taken }, 'draining');
        const patienceMs = timeForWork({ graceMs: shutdownGraceMs, reserveMs });
        const timer = setTimeout(() => drain.end(), patienceMs);
        await slots.idle();
        // Gives up at the end of the grace time.
        await untilAborted(fetched(), drain.over).catch(() => undefined);
        clearTimeout(timer);
        closed.abort();
      };
      let stopped: Promise<void> | undefined;
      const stop = () => {
        stopped = onStop();
      };
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, { once: true });
      await server.run(closed.signal);
      await stopped;
    },
  };
}

import type { Logger } from '@slipway/shared/logger';
import type { BuildQueues } from '../queues/index.js';
import type { DispatchJob } from './transition.js';

interface DispatcherOptions {
  readonly store: { dispatched(ids: readonly string[]): Promise<void> };
  readonly builds: Pick<BuildQueues, 'add'>;
  readonly logger: Logger;
}

export type Dispatcher = (jobs: readonly DispatchJob[]) => Promise<void>;

/** Limit of jobs added at once: each is one script of BullMQ, and Redis must also serve other clients. */
const atOnce = 500;

/** Puts jobs into the queues of their pools. Never rejects: the records exist, and the reconciler retries. */
export function createDispatcher({ store, builds, logger }: DispatcherOptions): Dispatcher {
  return async (jobs) => {
    try {
      for (let at = 0; at < jobs.length; at += atOnce) {
        const some = jobs.slice(at, at + atOnce);
        await builds.add(some);
        await store.dispatched(some.map(({ id }) => id));
      }
    } catch (error) {
      logger.warn({ err: error, jobs: jobs.length }, 'cannot enqueue jobs; the reconciler retries');
    }
  };
}

import type { Logger } from '@slipway/shared/logger';
import type { BuildQueues } from '../queues/index.js';
import type { DispatchJob } from './transition.js';

interface DispatcherOptions {
  readonly store: { dispatched(ids: readonly string[]): Promise<void> };
  readonly builds: Pick<BuildQueues, 'add'>;
  readonly logger: Logger;
}

export type Dispatcher = (jobs: readonly DispatchJob[]) => Promise<void>;

/** So many are added at once: one script of BullMQ each, and Redis has others to answer too. */
const atOnce = 500;

/** Puts jobs into the queues of their pools. Never rejects: their records stand, and the reconciler does it otherwise. */
export function createDispatcher({ store, builds, logger }: DispatcherOptions): Dispatcher {
  return async (jobs) => {
    try {
      for (let at = 0; at < jobs.length; at += atOnce) {
        const some = jobs.slice(at, at + atOnce);
        await builds.add(some);
        await store.dispatched(some.map(({ id }) => id));
      }
    } catch (error) {
      logger.warn({ err: error, jobs: jobs.length }, 'left to the reconciler to queue');
    }
  };
}

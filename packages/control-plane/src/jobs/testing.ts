import type { Logger } from '@slipway/shared/logger';
import type { Keys, Redis } from '@slipway/shared/redis';
import { Dispatch, type DispatchJob, type QueueChange } from './dispatch.js';

/** Records the changes of the queues in place of `Dispatch`. */
export class RecordedQueue implements Pick<Dispatch, 'apply'> {
  readonly released: DispatchJob[] = [];
  /** Ids of released jobs, in order. */
  readonly ids: string[] = [];
  readonly withdrawn: QueueChange['withdrawn'][number][] = [];

  async apply({ released, withdrawn }: QueueChange): Promise<void> {
    this.released.push(...released);
    this.ids.push(...released.map(({ id }) => id));
    this.withdrawn.push(...withdrawn);
  }
}

/** Returns the bridge to queues that hold nothing, with the calls that they received. */
export function emptyQueues(options: {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly logger: Pick<Logger, 'warn'>;
}) {
  const calls: [name: 'add' | 'remove', ids: readonly string[]][] = [];
  const noted = (name: 'add' | 'remove') => async (jobs: readonly { readonly id: string }[]) =>
    void calls.push([name, jobs.map(({ id }) => id)]);
  const builds = {
    ...{ add: noted('add'), remove: noted('remove') },
    missing: async (ids: readonly string[]) => [...ids],
  };
  return { dispatch: new Dispatch({ ...options, builds }), calls };
}

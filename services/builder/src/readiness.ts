import { SlipwayError } from '@slipway/shared/errors';
import type { Slots } from './builds/slots.js';
import type { Drain } from './drain.js';
import type { EngineWatch } from './engines/watch.js';

interface ReadinessOptions {
  readonly watch: Pick<EngineWatch, 'fault' | 'ready'>;
  readonly slots: Pick<Slots, 'isFull'>;
  readonly drain: Pick<Drain, 'begun'>;
}

/** Returns a check that rejects when no build could be taken now: with `builder_draining`, the fault of the engine, or `builder_busy`. */
export function createReadiness({ watch, slots, drain }: ReadinessOptions): () => Promise<void> {
  return async () => {
    if (drain.begun.aborted) throw new SlipwayError('builder_draining');
    if (watch.fault) throw watch.fault;
    if (slots.isFull) throw new SlipwayError('builder_busy');
    await watch.ready();
  };
}

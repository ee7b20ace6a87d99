import { SlipwayError } from '@slipway/shared/errors';
import type { Slots } from './builds/slots.js';
import type { Drain } from './drain.js';
import type { BuildEngine } from './engines/engine.js';

interface ReadinessOptions {
  readonly engine: Pick<BuildEngine, 'check'>;
  readonly slots: Pick<Slots, 'isFull'>;
  readonly drain: Pick<Drain, 'begun'>;
  /** How long an engine's answer counts, in ms. */
  readonly maxAgeMs: number;
  readonly now: () => number;
}

/**
 * Whether a build could be taken now: rejects with `builder_draining`, `builder_busy` or what the engine says. The engine is asked at
 * most once in `maxAgeMs`, however many ask at the same time.
 */
export function createReadiness(options: ReadinessOptions): () => Promise<void> {
  const { engine, slots, drain, maxAgeMs, now } = options;
  let asked: { readonly at: number; readonly answer: Promise<void> } | undefined;
  return async () => {
    if (drain.begun.aborted) throw new SlipwayError('builder_draining');
    if (slots.isFull) throw new SlipwayError('builder_busy');
    if (!asked || now() - asked.at >= maxAgeMs) asked = { at: now(), answer: engine.check() };
    await asked.answer;
  };
}

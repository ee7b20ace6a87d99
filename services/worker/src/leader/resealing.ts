import type { Logger } from '@slipway/shared/logger';
import type { Resealed } from '@slipway/shared/signing';
import type { LeaderTask } from './leader.js';

interface ResealingOptions {
  readonly stores: readonly { reseal(): Promise<Resealed> }[];
  readonly logger: Logger;
}

/**
 * Seals stored secrets again under the new payload secret while it is being replaced. It repeats, because processes that know the new secret only
 * as a previous one may still seal under the old one.
 */
export class Resealing implements LeaderTask {
  readonly name = 'resealing';
  readonly everyMs = 60_000;
  readonly #options: ResealingOptions;
  #said = '';

  constructor(options: ResealingOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { stores, logger } = this.#options;
    let [resealed, unreadable] = [0, 0];
    for (const store of stores) {
      if (signal.aborted) return;
      const done = await store.reseal();
      resealed += done.resealed;
      unreadable += done.unreadable;
    }
    const said = `${resealed} ${unreadable}`;
    if (said === this.#said) return;
    this.#said = said;
    const level = unreadable > 0 ? 'warn' : 'info';
    logger[level](
      { resealed, unreadable },
      'all secrets of endpoints and tenants that can be opened are sealed under PAYLOAD_SECRET',
    );
  }
}

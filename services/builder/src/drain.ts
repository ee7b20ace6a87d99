import { setMaxListeners } from 'node:events';
import { SlipwayError } from '@slipway/shared/errors';

/** The stages of a shutdown. The service accepts no build after `begun`, and ends running builds at `over`. */
export class Drain {
  readonly #begun = new AbortController();
  readonly #over = new AbortController();

  constructor() {
    // Each build listens, so their number is not a leak.
    setMaxListeners(0, this.#begun.signal, this.#over.signal);
  }

  get begun(): AbortSignal {
    return this.#begun.signal;
  }

  get over(): AbortSignal {
    return this.#over.signal;
  }

  begin(): void {
    this.#begun.abort();
  }

  end(): void {
    this.#over.abort(new SlipwayError('builder_draining', 'The builder was stopped while the build ran.'));
  }
}

import { SlipwayError } from '@slipway/shared/errors';

/** How the service stops: from `begun` on it takes no build; those that still run at `over` are ended. */
export class Drain {
  readonly #begun = new AbortController();
  readonly #over = new AbortController();

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

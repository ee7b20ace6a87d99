import type { Logger } from '../logger/index.js';

/** Clean-up steps, registered where a resource is created. They run last-in-first-out, and each runs even if others fail. */
export class Cleanups {
  readonly #steps: { readonly name: string; readonly run: () => Promise<unknown> | unknown }[] = [];

  defer(name: string, run: () => Promise<unknown> | unknown): void {
    this.#steps.push({ name, run });
  }

  async run(logger: Logger): Promise<void> {
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      try {
        await step.run();
      } catch (error) {
        logger.error({ err: error, step: step.name }, 'clean-up failed');
      }
    }
  }
}

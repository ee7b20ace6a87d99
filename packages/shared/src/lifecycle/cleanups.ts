import type { Logger } from '../logger/index.js';

/** Clean-up steps, registered where a thing is made and run last-in-first-out, each whatever the others do. */
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

import { setTimeout as sleep } from 'node:timers/promises';
import { SlipwayError } from '@slipway/shared/errors';
import type { Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import type { Slots } from '../builds/slots.js';
import type { BuildEngine } from './engine.js';

interface EngineWatchOptions {
  readonly engine: Pick<BuildEngine, 'name' | 'check'>;
  readonly slots: Pick<Slots, 'taken'>;
  readonly logger: Logger;
  /** Between two checks of an engine that works, in ms. */
  readonly everyMs: number;
  /** The same while the engine is dead. */
  readonly deadEveryMs: number;
}

/** Failed checks in a row until an engine counts as dead that has builds in hand: a busy engine may answer late. */
const failuresWhileBuilding = 3;

/** Watches the engine, so that a builder whose engine is dead refuses builds at once, and is ready again soon after the engine is back. */
export class EngineWatch implements Component {
  readonly name = 'engine watch';
  readonly #options: EngineWatchOptions;
  #checking: Promise<void> | undefined;
  #checked = false;
  /** True after a build that ended as if the engine were dead. */
  #isSuspected = false;
  #failures = 0;
  #fault: SlipwayError | undefined;

  constructor(options: EngineWatchOptions) {
    this.#options = options;
  }

  /** Why no build can run now, as far as the last check knows. */
  get fault(): SlipwayError | undefined {
    return this.#fault;
  }

  /** Rejects with the fault of the engine, if it has one. Waits for the first check. */
  async ready(): Promise<void> {
    if (!this.#checked) await this.check();
    if (this.#fault) throw this.#fault;
  }

  /** Checks the engine because a build ended as if it were dead. One failed check proves it. */
  async suspect(): Promise<void> {
    this.#isSuspected = true;
    await this.check();
  }

  /** Checks the engine now. Never rejects. */
  check(): Promise<void> {
    this.#checking ??= this.#check().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { everyMs, deadEveryMs } = this.#options;
    while (!signal.aborted) {
      await this.check();
      await sleep(this.#fault ? deadEveryMs : everyMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #check(): Promise<void> {
    const { engine, slots, logger } = this.#options;
    try {
      await engine.check();
      if (this.#fault) logger.warn({ engine: engine.name }, 'the engine answers again');
      this.#failures = 0;
      this.#isSuspected = false;
      this.#fault = undefined;
    } catch (error) {
      this.#failures++;
      const isDead = slots.taken === 0 || this.#isSuspected || this.#failures >= failuresWhileBuilding;
      if (isDead && !this.#fault) logger.error({ engine: engine.name, err: error }, 'the engine is dead');
      if (isDead || this.#fault) this.#fault = coded(error);
    }
    this.#checked = true;
  }
}

const coded = (error: unknown) =>
  error instanceof SlipwayError
    ? error
    : new SlipwayError('engine_unreachable', 'The engine does not answer.', { cause: error });

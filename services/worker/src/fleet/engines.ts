import { setTimeout as sleep } from 'node:timers/promises';
import type { ReplicaRegistry } from '@slipway/control-plane/replicas';
import type { Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import type { Dispatcher } from 'undici';
import type { Replica } from './discovery.js';
import { identityOf } from './report.js';

interface EnginesOptions {
  readonly registry: Pick<ReplicaRegistry, 'withoutEngine' | 'setEngine'>;
  readonly discovery: { replicas(): readonly Replica[] };
  readonly dispatcher: Dispatcher;
  readonly logger: Logger;
}

/** While the engine of a replica is unknown, jobs may wait for it. */
const soonMs = 1_000;
const everyMs = 5_000;

/**
 * Asks the replicas of this worker for their engine where no worker has asked lately. Jobs of tenants wait until it is known. The leader's health checks
 * ask too, but the leader may know other replicas, and there may be none.
 */
export class Engines implements Component {
  readonly name = 'engines';
  readonly #options: EnginesOptions;

  constructor(options: EnginesOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let areKnown = false;
      try {
        areKnown = await this.#ask();
      } catch (error) {
        if (!signal.aborted)
          this.#options.logger.warn({ err: error }, 'the engines of replicas cannot be noted');
      }
      await sleep(areKnown ? everyMs : soonMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Returns whether the engine of every replica is known now. */
  async #ask(): Promise<boolean> {
    const { registry, discovery, dispatcher } = this.#options;
    const replicas = discovery.replicas();
    const urls = await registry.withoutEngine(replicas.map(({ url }) => url));
    const known = await Promise.all(
      urls.map(async (url) => {
        const identity = await identityOf(url, dispatcher);
        if (identity) {
          const { engine, features, instance } = identity;
          await registry.setEngine(url, engine, features, instance);
        }
        return identity !== undefined;
      }),
    );
    // A name may have no address yet.
    return replicas.length > 0 && known.every(Boolean);
  }
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { ReplicaRegistry } from '@slipway/control-plane/replicas';
import type { Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import type { Dispatcher } from 'undici';
import type { Replica } from './discovery.js';
import { identityOf } from './report.js';

interface EnginesOptions {
  readonly registry: Pick<ReplicaRegistry, 'engineLeftMs' | 'setEngine'>;
  readonly discovery: { replicas(): readonly Replica[] };
  readonly dispatcher: Dispatcher;
  readonly logger: Logger;
}

/** While the engine of a replica is unknown, jobs may wait for it. */
const soonMs = 1_000;
const everyMs = 5_000;
/** Milliseconds for which a recorded engine must still be valid, so that no worker asks. The leader records it more often. */
const enoughMs = 60_000;

/**
 * Asks the replicas of this worker for their engine where no worker has asked lately. Jobs of tenants wait until it is known. The leader's health checks
 * ask too, but the leader may know other replicas, and there may be none.
 */
export class Engines implements Component {
  readonly name = 'engines';
  readonly #options: EnginesOptions;
  /** When the recorded engine of each replica expires, by the monotonic clock of this process, in milliseconds. */
  #validUntil = new Map<string, number>();

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
    const urls = discovery.replicas().map(({ url }) => url);
    const now = performance.now();
    this.#validUntil = new Map(urls.map((url) => [url, this.#validUntil.get(url) ?? now]));
    const due = urls.filter((url) => (this.#validUntil.get(url) ?? now) < now + enoughMs);
    for (const [at, left] of (await registry.engineLeftMs(due)).entries()) {
      this.#validUntil.set(due[at] as string, now + left);
    }
    const unknown = due.filter((url) => (this.#validUntil.get(url) ?? now) < now + enoughMs);
    const known = await Promise.all(
      unknown.map(async (url) => {
        const identity = await identityOf(url, dispatcher);
        if (identity) {
          const { engine, features, instance } = identity;
          await registry.setEngine(url, engine, features, instance);
        }
        return identity !== undefined;
      }),
    );
    // A name may have no address yet.
    return urls.length > 0 && known.every(Boolean);
  }
}

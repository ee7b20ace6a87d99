import { once } from 'node:events';
import type { CanceledBuild, CanceledBuilds } from '@slipway/control-plane/jobs';
import type { Secret } from '@slipway/shared/config';
import type { Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import type { Keys, Redis } from '@slipway/shared/redis';
import type { Dispatcher } from 'undici';
import { cancelBuild } from '../builder-client/kept-build.js';

interface StopperOptions {
  readonly builds: Pick<CanceledBuilds, 'claim' | 'stopped'>;
  /** A connection for subscriptions only. */
  readonly subscriber: Redis;
  readonly keys: Keys;
  readonly payloadSecret: Secret;
  /** Redis' time in milliseconds. */
  readonly now: () => number;
  readonly dispatcher: Dispatcher;
  readonly logger: Logger;
}

/** Milliseconds after a cancellation in which the worker of the job stops the build itself. */
const graceMs = 1_100;

/**
 * Stops the builds of canceled jobs at their replicas when the workers of the jobs do not, because they are gone. Each worker looks a second after a
 * cancellation, and the leader looks regularly. The record stays as it is: the worker that takes the job over ends it, and stops the build again.
 */
export class CanceledBuildStopper implements Component {
  readonly name = 'canceled builds';
  readonly #options: StopperOptions;
  #due: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;

  constructor(options: StopperOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { subscriber, keys, logger } = this.#options;
    subscriber.on('message', (channel: string) => {
      if (channel === keys.cancellations && !signal.aborted) this.#lookSoon();
    });
    subscriber.subscribe(keys.cancellations).catch((error: unknown) => {
      if (!signal.aborted) logger.warn({ err: error }, 'canceled builds are found only by the leader');
    });
    if (!signal.aborted) await once(signal, 'abort');
    clearTimeout(this.#due);
    await this.#looking;
  }

  #lookSoon(): void {
    this.#due ??= setTimeout(() => {
      this.#due = undefined;
      this.#looking = this.look().catch((error: unknown) => {
        this.#options.logger.warn({ err: error }, 'canceled builds were not looked for');
      });
    }, graceMs);
  }

  /** Stops the builds that no other worker stops now. */
  async look(): Promise<void> {
    const builds = await this.#options.builds.claim();
    await Promise.all(builds.map((build) => this.#stop(build)));
  }

  async #stop(build: CanceledBuild): Promise<void> {
    const { builds, payloadSecret, now, dispatcher, logger } = this.#options;
    const { jobId, replica: url, buildId } = build;
    const isStopped = await cancelBuild({ url, buildId, payloadSecret, now, dispatcher });
    logger.info({ job_id: jobId, replica: url, stopped: isStopped }, 'a canceled build had no worker');
    if (isStopped) await builds.stopped(build);
  }
}

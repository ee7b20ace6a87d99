import { setTimeout as sleep } from 'node:timers/promises';
import type { BaseState, BaseWatch, TakenBase } from '@slipway/control-plane/functions';
import { codeOf, SlipwayError } from '@slipway/shared/errors';
import type { Logger } from '@slipway/shared/logger';
import type { LeaderTask } from '../leader/leader.js';
import type { RegistryClient } from '../registry/client.js';
import { placeOf } from '../registry/place.js';
import { compareBase } from './compare.js';
import { Hosts } from './hosts.js';
import type { WatchMetrics } from './metrics.js';
import { readBase } from './read-base.js';
import { type UsedBase, usersOf } from './survey.js';

interface BaseWatcherOptions {
  /** Returns the base images in use, by reference. */
  readonly survey: () => Promise<ReadonlyMap<string, UsedBase>>;
  readonly watch: Pick<BaseWatch, 'watch' | 'take' | 'record' | 'putOff'>;
  readonly client: Pick<RegistryClient, 'manifest'>;
  /** Milliseconds between two checks of a base image. */
  readonly intervalMs: number;
  readonly metrics: WatchMetrics;
  /** Redis' time, in ms. */
  readonly now: () => number;
  readonly logger: Logger;
  /** Returns a number from 0 to 1. Default: `Math.random`. */
  readonly random?: () => number;
}

/** Base images that one run takes, and registries that it asks at once. A registry gets one request at a time. */
const [takenAtOnce, hostsAtOnce] = [64, 8];
/** Milliseconds between two requests to a registry. */
const paceMs = 100;
/** Milliseconds after which a run begins no check, and the time limit of a check. Both together stay within the lease of a check. */
const [runMs, checkMs] = [20_000, 20_000];
/** Milliseconds between two surveys. */
const surveyMs = 5 * 60_000;
/** Limit of the intervals between two checks of a base image whose checks fail. */
const maxIntervals = 12;

/** Asks registries for the digests of the base images in use, and records changes. */
export class BaseWatcher implements LeaderTask {
  readonly name = 'base images';
  readonly everyMs = 1_000;
  readonly #options: BaseWatcherOptions;
  readonly #hosts: Hosts;
  #used: ReadonlyMap<string, UsedBase> = new Map();
  #surveyedAt = Number.NEGATIVE_INFINITY;
  /** The survey of this run, if there was one. */
  #survey: Promise<void> | undefined;

  constructor(options: BaseWatcherOptions) {
    this.#options = options;
    this.#hosts = new Hosts(options.intervalMs);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { intervalMs, watch } = this.#options;
    const startedAt = performance.now();
    this.#survey = undefined;
    if (startedAt - this.#surveyedAt >= Math.min(intervalMs, surveyMs)) await this.#surveyed();
    const byHost = new Map<string, TakenBase[]>();
    for (const base of await watch.take(takenAtOnce)) {
      const host = hostOf(base.reference);
      byHost.set(host, [...(byHost.get(host) ?? []), base]);
    }
    const queue = byHost.entries();
    const work = async () => {
      for (const [host, bases] of queue) await this.#checkHost(host, bases, startedAt, signal);
    };
    await Promise.all(Array.from({ length: hostsAtOnce }, work));
  }

  /** Resolves after a survey in this run. */
  #surveyed(): Promise<void> {
    this.#survey ??= this.#takeSurvey();
    return this.#survey;
  }

  async #takeSurvey(): Promise<void> {
    const { survey, watch, metrics } = this.#options;
    const startedAt = performance.now();
    this.#used = await survey();
    await watch.watch(new Set(this.#used.keys()));
    metrics.watched(this.#used.size);
    this.#surveyedAt = startedAt;
  }

  /** Checks base images of one registry in turn. Puts off the others once the registry has to wait or the run takes too long. */
  async #checkHost(host: string, bases: readonly TakenBase[], startedAt: number, signal: AbortSignal) {
    const { watch, now } = this.#options;
    for (const [at, base] of bases.entries()) {
      if (signal.aborted) return;
      if (at > 0) await sleep(paceMs);
      const waitMs = this.#hosts.waitMs(host);
      if (waitMs > 0 || performance.now() - startedAt > runMs) await watch.putOff(base, now() + waitMs);
      else await this.#check(host, base, signal);
    }
  }

  async #check(host: string, base: TakenBase, signal: AbortSignal): Promise<void> {
    const { client, now, metrics, logger } = this.#options;
    const { reference, state } = base;
    const limit = new AbortController();
    const end = () => limit.abort();
    const timer = setTimeout(() => limit.abort(new DOMException('too slow', 'TimeoutError')), checkMs);
    signal.addEventListener('abort', end, { once: true });
    try {
      const found = await readBase({ reference, known: state.digest, client, signal: limit.signal, now });
      this.#hosts.answered(host, found.pauseMs);
      const wanted = this.#used.get(reference)?.platforms ?? new Set();
      const { comparison, state: after } = compareBase({
        reference,
        before: state,
        found,
        wanted,
        now: now(),
      });
      metrics.checked(comparison);
      await this.#record(base, after, comparison);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof SlipwayError)) throw error;
      await this.#recordFailure(host, base, error);
      metrics.checked(error.code);
      logger.debug({ err: error, base_image: reference }, 'a base image could not be checked');
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
    }
  }

  async #record(
    base: TakenBase,
    state: BaseState,
    comparison: ReturnType<typeof compareBase>['comparison'],
  ): Promise<void> {
    const { watch, logger } = this.#options;
    const { reference } = base;
    const { digest } = state;
    const nextMs = this.#nextMs(1);
    if (digest === undefined || comparison === 'unchanged' || comparison === 'same') {
      await watch.record(base, { state, nextMs });
      return;
    }
    // Functions may have been built since the last survey.
    await this.#surveyed();
    const all = usersOf(this.#used.get(reference), state);
    // Before the first check, only the digests of builds tell a change.
    const users = comparison === 'changed' ? all : all.filter(({ behind }) => behind > 0);
    const change = users.length > 0 ? { digest, previous: base.state.digest, users } : undefined;
    const isRecorded = await watch.record(base, { state, nextMs, change });
    if (isRecorded && change) {
      const { previous } = change;
      logger.info({ base_image: reference, digest, previous, tenants: users.length }, 'a base image changed');
    }
  }

  async #recordFailure(host: string, base: TakenBase, error: SlipwayError): Promise<void> {
    const { watch, now } = this.#options;
    const { error: before, ...state } = base.state;
    const code = codeOf(error);
    const retryAfterMs = error.retryAfter === undefined ? undefined : error.retryAfter * 1_000;
    const isOfHost = hostCodes.has(code) || retryAfterMs !== undefined;
    const waitMs = isOfHost ? this.#hosts.failed(host, retryAfterMs) : 0;
    if (!isOfHost) this.#hosts.answered(host, undefined);
    const times = before?.code === code ? before.times + 1 : 1;
    const since = before?.code === code ? before.since : now();
    await watch.record(base, {
      state: { ...state, error: { code, detail: error.message.slice(0, maxDetail), since, times } },
      nextMs: Math.max(waitMs, this.#nextMs(Math.min(2 ** Math.min(times - 1, 10), maxIntervals))),
    });
  }

  /** Returns the milliseconds of a number of intervals, ±10 %. */
  #nextMs(intervals: number): number {
    const { intervalMs, random = Math.random } = this.#options;
    return intervals * intervalMs * (0.9 + 0.2 * random());
  }
}

const maxDetail = 500;

/** Codes of failures that other base images of the same registry share. */
const hostCodes: ReadonlySet<string> = new Set([
  'pull_rate_limited',
  'registry_unreachable',
  'registry_insecure',
  'registry_untrusted',
  'registry_config_invalid',
  'credential_helper_failed',
  'egress_denied',
]);

function hostOf(reference: string): string {
  try {
    return placeOf(reference).host;
  } catch {
    return reference;
  }
}

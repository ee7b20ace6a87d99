import { setTimeout as sleep } from 'node:timers/promises';
import type { AnnouncedReplica, ReplicaRegistry } from '@slipway/control-plane/replicas';
import { errorRow, type SlipwayError } from '@slipway/shared/errors';
import type { Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import type { KubernetesClient } from '../kubernetes/client.js';
import type { BuilderEntry } from './builders.js';
import { discoveryKinds } from './kinds/index.js';
import type { DiscoveryKind, FoundReplica } from './kinds/kind.js';

export type Replica = AnnouncedReplica;

interface DiscoveryOptions {
  readonly builders: readonly BuilderEntry[];
  readonly registry: Pick<ReplicaRegistry, 'announce' | 'retire'>;
  /** Undefined outside of a cluster. */
  readonly kubernetes?: KubernetesClient | undefined;
  readonly logger: Logger;
  readonly kinds?: Readonly<Record<BuilderEntry['kind'], DiscoveryKind>>;
  readonly everyMs?: number;
  /** Called for a replica that no entry names any more. */
  readonly onGone?: (url: string) => void;
}

interface Watched {
  readonly entry: BuilderEntry;
  readonly kind: DiscoveryKind;
  replicas: readonly Replica[];
  fault: SlipwayError | undefined;
  /** Replicas that the entry no longer names, and the time when it named them last. */
  readonly left: Map<string, number>;
}

/** Milliseconds between announcements of changes, so that a rollout of many replicas takes few of them. */
const changesEveryMs = 200;

/** Knows the replicas that the entries of `BUILDERS` stand for, and announces them to all processes. */
export class Discovery implements Component {
  readonly name = 'discovery';
  readonly #options: DiscoveryOptions;
  readonly #watched: readonly Watched[];
  /** Undefined after a change. With one entry for each of many replicas, a list for each change would be quadratic. */
  #replicas: readonly Replica[] | undefined = [];
  #changed = new AbortController();
  /** Addresses that other workers announce differently, as last logged. */
  #disputed = '';

  constructor(options: DiscoveryOptions) {
    this.#options = options;
    const { builders, kinds = discoveryKinds } = options;
    this.#watched = builders.map((entry) => ({
      ...{ entry, kind: kinds[entry.kind], replicas: [], fault: undefined, left: new Map() },
    }));
  }

  /** Returns all replicas, including pods that are terminating. The list is the same object until it changes. */
  replicas(): readonly Replica[] {
    if (this.#replicas === undefined) {
      const all = this.#watched.flatMap(({ replicas }) => replicas);
      this.#replicas = [...new Map(all.map((replica) => [replica.url, replica])).values()];
    }
    return this.#replicas;
  }

  /** Returns true if replicas may be missing, because a name of the pool has no address yet. */
  mayGrow(pool: string): boolean {
    return this.#watched.some(({ entry, replicas }) => entry.pool === pool && replicas.length === 0);
  }

  /** Returns why the replicas of an entry are unknown. */
  warnings(): readonly string[] {
    return this.#watched.flatMap(({ entry, fault }) =>
      fault ? [`${fault.code}: ${entry.url}: ${fault.message} ${errorRow(fault.code).remedy}`] : [],
    );
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([
      ...this.#watched.map((watched) => this.#watch(watched, signal)),
      this.#announce(signal),
    ]);
  }

  async #watch(watched: Watched, signal: AbortSignal): Promise<void> {
    const { kubernetes, logger } = this.#options;
    await watched.kind.watch({
      ...{ target: watched.entry.url, kubernetes, logger, signal },
      found: (replicas) => this.#note(watched, replicas),
      fault: (fault) => this.#noteFault(watched, fault),
    });
  }

  async #announce(signal: AbortSignal): Promise<void> {
    const { registry, logger, everyMs = 5_000 } = this.#options;
    while (!signal.aborted) {
      this.#changed = new AbortController();
      const announcedAt = performance.now();
      try {
        this.#noteDisputed(await registry.announce(this.replicas()));
        await this.#retire();
      } catch (error) {
        if (!signal.aborted) logger.warn({ err: error }, 'replicas not announced');
      }
      const changed = AbortSignal.any([signal, this.#changed.signal]);
      await sleep(everyMs, undefined, { signal: changed }).catch(() => undefined);
      const left = announcedAt + changesEveryMs - performance.now();
      if (left > 0) await sleep(left, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Retires replicas that are gone, so that nothing counts on them until they are forgotten. */
  async #retire(): Promise<void> {
    const { registry, onGone } = this.#options;
    const known = new Set(this.replicas().map(({ url }) => url));
    for (const { kind, left } of this.#watched) {
      const before = performance.now() - (kind.goneAfterMs ?? Number.POSITIVE_INFINITY);
      const expired = [...left].flatMap(([url, at]) => (at <= before ? [url] : []));
      const gone = expired.filter((url) => !known.has(url));
      await registry.retire(gone);
      for (const url of expired) left.delete(url);
      for (const url of gone) onGone?.(url);
    }
  }

  #noteDisputed(replicas: readonly Replica[]): void {
    const urls = replicas.map(({ url }) => url);
    if (urls.length > 0 && urls.join() !== this.#disputed) {
      this.#options.logger.warn(
        { replicas: urls },
        'said to be of another pool or platform before; the last word counts',
      );
    }
    this.#disputed = urls.join();
  }

  #note(watched: Watched, found: readonly FoundReplica[]): void {
    const { max, pool, platforms, url: entry } = watched.entry;
    const before = watched.replicas;
    watched.replicas = found.map((replica) => ({ ...replica, max, pool, platforms }));
    const names = new Set(found.map(({ url }) => url));
    for (const { url } of before) if (!names.has(url)) watched.left.set(url, performance.now());
    for (const url of names) watched.left.delete(url);
    if (stateOf(watched.replicas) === stateOf(before)) return;
    this.#replicas = undefined;
    this.#changed.abort();
    const [leaving, staying] = [true, false].map((isLeaving) =>
      found.filter((replica) => (replica.isLeaving ?? false) === isLeaving).map(({ url }) => url),
    );
    this.#options.logger.info({ entry, replicas: staying, leaving }, 'replicas changed');
  }

  #noteFault(watched: Watched, fault: SlipwayError | undefined): void {
    const before = watched.fault;
    watched.fault = fault;
    const { logger } = this.#options;
    const entry = watched.entry.url;
    if (fault && (fault.code !== before?.code || fault.message !== before.message))
      logger.warn({ err: fault, code: fault.code, entry }, 'the replicas of an entry are unknown');
    else if (!fault && before) logger.info({ entry }, 'the replicas of an entry are known again');
  }
}

const stateOf = (replicas: readonly Replica[]) =>
  replicas
    .map(({ url, isStarting, isLeaving }) => `${url} ${isStarting} ${isLeaving}`)
    .toSorted()
    .join();

import { lookup } from 'node:dns/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AnnouncedReplica, ReplicaRegistry } from '@slipway/control-plane/replicas';
import type { Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import type { BuilderEntry } from './builders.js';

export type Replica = AnnouncedReplica;

interface DiscoveryOptions {
  readonly builders: readonly BuilderEntry[];
  readonly registry: Pick<ReplicaRegistry, 'announce'>;
  readonly logger: Logger;
  /** All addresses of a name. */
  readonly resolve?: (
    name: string,
  ) => Promise<readonly { readonly address: string; readonly family: number }[]>;
  readonly everyMs?: number;
}

/**
 * Knows the replicas: the listed endpoints, and one for each address of a listed name. It resolves names again
 * every few seconds. A name that cannot be resolved keeps the addresses it had.
 */
export class Discovery implements Component {
  readonly name = 'discovery';
  readonly #options: DiscoveryOptions;
  readonly #byEntry = new Map<string, readonly Replica[]>();
  /** Addresses that other workers announce differently, as last logged. */
  #disputed = '';

  constructor(options: DiscoveryOptions) {
    this.#options = options;
    for (const { kind, ...replica } of options.builders) {
      this.#byEntry.set(replica.url, kind === 'url' ? [replica] : []);
    }
  }

  replicas(): readonly Replica[] {
    return [...this.#byEntry.values()].flat();
  }

  /** Returns true if replicas may be missing, because a name of the pool has no address yet. */
  mayGrow(pool: string): boolean {
    return this.#options.builders.some(
      (entry) => entry.pool === pool && (this.#byEntry.get(entry.url) ?? []).length === 0,
    );
  }

  async run(signal: AbortSignal): Promise<void> {
    const { registry, logger, everyMs = 5_000 } = this.#options;
    while (!signal.aborted) {
      await this.refresh();
      try {
        this.#noteDisputed(await registry.announce(this.replicas()));
      } catch (error) {
        if (!signal.aborted) logger.warn({ err: error }, 'replicas not announced');
      }
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Asks for the addresses of all names once. */
  async refresh(): Promise<void> {
    const { builders, logger, resolve = (name) => lookup(name, { all: true }) } = this.#options;
    for (const { kind, url, ...settings } of builders) {
      if (kind === 'url') continue;
      const { protocol, hostname, port } = new URL(url);
      try {
        const addresses = await resolve(hostname);
        const replicas = addresses.map(({ address, family }) => {
          const host = family === 6 ? `[${address}]` : address;
          return { url: new URL(`${protocol}//${host}:${port || '80'}`).origin, ...settings };
        });
        this.#note(url, replicas);
      } catch (error) {
        logger.warn({ err: error, name: hostname }, 'the name of the builders cannot be resolved');
      }
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

  #note(entry: string, replicas: readonly Replica[]): void {
    const urls = (list: readonly Replica[]) =>
      list
        .map(({ url }) => url)
        .toSorted()
        .join();
    if (urls(replicas) !== urls(this.#byEntry.get(entry) ?? [])) {
      this.#options.logger.info({ entry, replicas: replicas.map(({ url }) => url) }, 'replicas changed');
    }
    this.#byEntry.set(entry, replicas);
  }
}

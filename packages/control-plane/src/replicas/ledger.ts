import {
  type BuilderFeature,
  engineFacts,
  type ReplicaEngine,
  reportedEngines,
} from '@slipway/shared/contracts';
import { type Keys, type Redis, scriptsIn } from '@slipway/shared/redis';
import { z } from 'zod';
import { controlPlaneLua } from '../lua/index.js';

/** A slot for one build on a replica, until it is freed or expires. */
export interface Lease {
  readonly id: string;
  readonly url: string;
  /** Builds on the replica when the slot was taken, this one included. */
  readonly taken: number;
}

/** The outcome of a call for the replica; see lua/replicas/free.lua. */
export type ReplicaOutcome = 'ok' | 'busy' | 'fault' | 'broken' | 'draining' | 'none';

/** A build that needs a slot. */
export interface SlotRequest {
  readonly id: string;
  /** Any of its replicas may get the build. */
  readonly pool: string;
  /** A few replicas that come first, in the order of preference. */
  readonly preference: readonly string[];
  /** Replicas that must not get the build. */
  readonly except?: Iterable<string>;
  readonly suspect: boolean;
  /** The replica that has the layers of the image. It may be missing in `preference`. */
  readonly home?: string | undefined;
  /** Take only the home replica while it is usable. */
  readonly onlyHome?: boolean;
  /** Take no replica whose engine does not isolate builds from its machine, or whose engine is unknown. */
  readonly needsIsolation?: boolean;
  /** Take no replica that did not report this feature. */
  readonly needsFeature?: BuilderFeature | undefined;
}

interface LedgerOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** The worker. It is woken on the channel `keys.freed(worker)`. Without a name it is never woken. */
  readonly worker?: string;
}

/** A slot, or without one the reason and the time to wait. */
export type AcquireReply =
  | { readonly lease: Lease }
  | {
      readonly lease: undefined;
      readonly patienceMs: number;
      /** The lack of every replica of the pool; undefined when a replica may be able to build. */
      readonly lacking: 'isolation' | 'feature' | undefined;
    };

/** Engines whose builds may be of any tenant. The contract of builders that report no engine demands isolation. */
const isolatedEngines: ReplicaEngine[] = [
  ...reportedEngines.filter((name) => engineFacts[name].isIsolated),
  'unreported',
];

const script = scriptsIn(controlPlaneLua, 'replicas/');
const scripts = {
  acquire: script('acquire', {
    ttl_ms: z.number(),
    isolated_engines: z.array(z.string()),
    worker: z.string(),
    builds: z.array(z.string()),
    waiting: z.array(z.string()),
  }),
  adopt: script('adopt', { lease: z.string(), url: z.string(), ttl_ms: z.number() }),
  renew: script('renew', { ttl_ms: z.number(), leases: z.array(z.string()) }),
  free: script('free', {
    lease: z.string(),
    url: z.string(),
    outcome: z.string(),
    taken: z.int(),
    worker: z.string(),
    is_used: z.boolean(),
  }),
  wake: script('wake', { pool: z.string(), url: z.string(), worker: z.string() }),
};

/**
 * The leases on the slots of replicas, shared by all workers through Redis. No replica ever gets more builds than its limit. Each
 * operation is one atomic script, by Redis' clock.
 */
export class SlotLedger {
  /** The script that renews leases. Workers run it in a thread of its own. */
  static readonly renewal = scripts.renew;
  readonly #on: { readonly redis: Redis; readonly keys: Keys };
  readonly #worker: string;

  constructor({ redis, keys, worker = '' }: LedgerOptions) {
    this.#on = { redis, keys };
    this.#worker = worker;
  }

  /**
   * Takes slots for builds in one step, the first build first. Returns one reply for each request, in the same order. The worker is woken for the pools
   * of builds that got no slot, and for those of `waiting`.
   */
  async acquire(
    requests: readonly SlotRequest[],
    ttlMs: number,
    waiting: readonly string[] = [],
  ): Promise<AcquireReply[]> {
    if (requests.length === 0) return [];
    const builds = requests.flatMap((request) => {
      const { id, pool, suspect, home = '', onlyHome, needsIsolation, needsFeature = '' } = request;
      const flags = {
        suspect: suspect ? '1' : '0',
        only: onlyHome ? '1' : '0',
        isolation: needsIsolation ? '1' : '0',
      };
      const lists = [request.preference, request.except ?? []].map((urls) => [...urls].join(' '));
      return [id, pool, flags.suspect, home, flags.only, flags.isolation, needsFeature, ...lists];
    });
    const replies = await scripts.acquire.run(this.#on, {
      ttl_ms: ttlMs,
      isolated_engines: isolatedEngines,
      worker: this.#worker,
      builds,
      waiting: [...waiting],
    });
    return (replies as [string, number, string?][]).map(([url, number, lacking], at) =>
      url === ''
        ? {
            lease: undefined,
            patienceMs: number,
            lacking: lacking === 'isolation' || lacking === 'feature' ? lacking : undefined,
          }
        : { lease: { id: requests[at]?.id ?? '', url, taken: number } },
    );
  }

  /** Renews the lease of a build that goes on at its replica, also when it has expired: the build still takes the slot. */
  async adopt({ id, url }: Pick<Lease, 'id' | 'url'>, ttlMs: number): Promise<Lease> {
    const taken = await scripts.adopt.run(this.#on, { lease: id, url, ttl_ms: ttlMs });
    return { id, url, taken: Number(taken) };
  }

  /**
   * Frees the slot, and wakes a worker that waits for one, unless this worker asks for the slot at once (`isUsed`). Returns the change of the replica's
   * circuit, if any.
   */
  async free(
    { id, url, taken }: Lease,
    outcome: ReplicaOutcome,
    isUsed = false,
  ): Promise<'opened' | 'closed' | undefined> {
    const args = { lease: id, url, outcome, taken, worker: this.#worker, is_used: isUsed };
    const change = (await scripts.free.run(this.#on, args)) as string;
    return change === '' ? undefined : (change as 'opened' | 'closed');
  }
  /** Wakes another worker for a free slot that this one has no build for. */
  async wakeAnother(pool: string, url: string): Promise<void> {
    await scripts.wake.run(this.#on, { pool, url, worker: this.#worker });
  }
}

import { defineScript, type Keys, type Redis } from '../redis/index.js';
import { acquireLua, releaseLua, renewLua } from './lua.js';

/** Room for one build on a replica, until it is released or its time is up. */
export interface Lease {
  readonly id: string;
  readonly url: string;
  /** Builds on the replica when this one was let in, itself included. */
  readonly taken: number;
}

/** What a call says about the replica; see lua.ts. */
export type ReplicaOutcome = 'ok' | 'busy' | 'fault' | 'none';

interface AcquireOptions {
  readonly id: string;
  /** Replicas in the order in which they are wanted. */
  readonly preference: readonly string[];
  readonly ttlMs: number;
  readonly suspect: boolean;
  /** The replica that has the layers of the image; it need not be among the others. */
  readonly home?: string | undefined;
  /** Take no other replica while that one is usable. */
  readonly onlyHome?: boolean;
}

/** A slot, or how things stand where there is none. */
export type AcquireReply =
  | { readonly lease: Lease }
  | { readonly lease: undefined; readonly patienceMs: number };

const scripts = {
  acquire: defineScript(acquireLua),
  renew: defineScript(renewLua),
  release: defineScript(releaseLua),
};

/**
 * Who builds where: leases on the replicas' slots, shared by all workers through Redis, so that no replica ever gets
 * more builds than its limit. Each operation is one atomic script, by Redis' clock.
 */
export class SlotLedger {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor({ redis, keys }: { readonly redis: Redis; readonly keys: Keys }) {
    this.#redis = redis;
    this.#keys = keys;
  }

  #key(url: string): string {
    return this.#keys.slots(url);
  }

  async acquire({
    id,
    preference,
    ttlMs,
    suspect,
    home,
    onlyHome = false,
  }: AcquireOptions): Promise<AcquireReply> {
    const [first] = preference;
    if (first === undefined) return { lease: undefined, patienceMs: 0 };
    const flags = [suspect ? 1 : 0, home ?? '', onlyHome ? 1 : 0];
    const args = [this.#keys.base, id, ttlMs, ...flags, ...preference];
    const reply = await scripts.acquire.run(this.#redis, [this.#key(first)], args);
    const [url, number] = reply as [string, number];
    return url === '' ? { lease: undefined, patienceMs: number } : { lease: { id, url, taken: number } };
  }

  /** Holds leases for `ttlMs` from now. Returns the ids of those that had run out, whose slots may be somebody else's. */
  async renew(leases: readonly Lease[], ttlMs: number): Promise<string[]> {
    const [first] = leases;
    if (!first) return [];
    const args = [this.#keys.base, ttlMs, ...leases.flatMap(({ id, url }) => [id, url])];
    return (await scripts.renew.run(this.#redis, [this.#key(first.url)], args)) as string[];
  }

  /** Gives the slot back. Says whether the replica's circuit changed by it. */
  async release(
    { id, url, taken }: Lease,
    outcome: ReplicaOutcome,
  ): Promise<'opened' | 'closed' | undefined> {
    const args = [this.#keys.base, id, url, outcome, taken];
    const change = (await scripts.release.run(this.#redis, [this.#key(url)], args)) as string;
    return change === '' ? undefined : (change as 'opened' | 'closed');
  }
}

import { randomUUID } from 'node:crypto';
import { type Redis, redisKeys } from '@slipway/shared/redis';
import { type Lease, SlotLedger } from './ledger.js';
import { ReplicaRegistry } from './registry.js';

/** Announces replicas with their limits under keys of their own. */
export async function fleetOf(redis: Redis, limits: Readonly<Record<string, number | undefined>>) {
  const keys = redisKeys(`ledger-${randomUUID()}`);
  const registry = new ReplicaRegistry({ redis, keys });
  const ledger = new SlotLedger({ redis, keys });
  const urls = Object.keys(limits);
  await registry.announce(urls.map((url) => ({ url, max: limits[url], pool: 'default', platforms: [] })));
  const acquire = async (
    preference = urls,
    options: { suspect?: boolean; ttlMs?: number; home?: string; onlyHome?: boolean; except?: string[] } = {},
  ) => {
    const { ttlMs = 60_000, suspect = false, ...rest } = options;
    const request = { id: randomUUID(), pool: 'default', preference, suspect, ...rest };
    const [reply] = await ledger.acquire([request], ttlMs);
    return reply?.lease;
  };
  const state = async (url: string) => {
    const found = (await registry.list()).find((replica) => replica.url === url);
    if (!found) throw new Error(`there is no replica ${url}`);
    return found;
  };
  /** Takes all free slots. */
  const fill = async () => {
    const leases: Lease[] = [];
    for (let lease = await acquire(); lease; lease = await acquire()) leases.push(lease);
    return leases;
  };
  /** Returns the ids of the leases that are lost. */
  const renew = async (leases: readonly (Lease | undefined)[]) => {
    const held = leases.flatMap((lease) => (lease ? [lease.id, lease.url] : []));
    return await SlotLedger.renewal.run({ redis, keys }, { ttl_ms: 60_000, leases: held });
  };
  /** Ends a time in the record of a replica. */
  const elapse = async (url: string, field: 'open_until' | 'readiness_until' | 'engine_until') => {
    await redis.hset(keys.replica(url), field, 1);
    await redis.zadd(keys.offersDue, 1, url);
  };
  return { keys, registry, ledger, acquire, renew, state, fill, elapse };
}

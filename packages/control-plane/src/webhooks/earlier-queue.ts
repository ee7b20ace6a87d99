import type { Keys, Redis } from '@slipway/shared/redis';

const lists = ['wait', 'active', 'paused'] as const;
const sortedSets = ['delayed', 'prioritized'] as const;
const others = ['stalled', 'id', 'meta', 'events', 'marker', 'pc', 'limiter'] as const;
/** Entries in one step. */
const step = 500;

/**
 * Removes the BullMQ queue in which earlier versions kept due deliveries beside their own records. Does nothing while a worker of such a
 * version runs. A delivery needs no entry there: it is due, leased or parked.
 */
export async function removeEarlierQueue(on: { readonly redis: Redis; readonly keys: Keys }): Promise<void> {
  const { redis, keys } = on;
  const key = (part: string) => `${keys.bullPrefix}:deliveries:${part}`;
  // BullMQ's workers set this key again when it expires.
  if ((await redis.exists(key('stalled-check'))) === 1) return;
  const remove = async (pop: () => Promise<readonly string[]>) => {
    for (let ids = await pop(); ids.length > 0; ids = await pop()) {
      await redis.unlink(...ids.flatMap((id) => [key(id), key(`${id}:lock`)]));
    }
  };
  for (const part of lists) await remove(async () => (await redis.lpop(key(part), step)) ?? []);
  for (const part of sortedSets) {
    await remove(async () => (await redis.zpopmin(key(part), step)).filter((_member, at) => at % 2 === 0));
  }
  await redis.unlink(...others.map(key));
}

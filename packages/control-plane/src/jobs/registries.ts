import type { Keys, Redis } from '@slipway/shared/redis';

/** A registry that jobs wait for. */
export interface RegistryState {
  /** Its host. */
  readonly registry: string;
  /** `closed`: it answers again, and the last of the jobs that waited are released. */
  readonly circuit: 'open' | 'probing' | 'closed';
  readonly waiting: number;
  /** In a row. */
  readonly faults: number;
  /** When the circuit opened, in milliseconds since the epoch. */
  readonly since: number;
}

/** How many registries are shown, and are labels of a metric. */
const maxShown = 50;

/** Returns the registries whose circuits opened first and are not done with. `now` is Redis' time in milliseconds. */
export async function listRegistries(options: {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly now: number;
}): Promise<RegistryState[]> {
  const { redis, keys, now } = options;
  const found = await redis.zrange(keys.registries, '0', String(maxShown - 1), 'WITHSCORES');
  const hosts = found.filter((_value, at) => at % 2 === 0);
  const pipeline = redis.pipeline();
  for (const host of hosts) {
    pipeline.hmget(keys.registry(host), 'open_until', 'failures').zcard(keys.registryParked(host));
  }
  const replies = ((await pipeline.exec()) ?? []).map(([error, reply]) => {
    if (error) throw error;
    return reply;
  });
  return hosts.map((registry, at) => {
    const [openUntil, faults] = replies[2 * at] as (string | null)[];
    const circuit = openUntil === null ? 'closed' : Number(openUntil) > now ? 'open' : 'probing';
    return {
      ...{ registry, circuit },
      waiting: replies[2 * at + 1] as number,
      faults: Number(faults ?? 0),
      since: Number(found[2 * at + 1]),
    };
  });
}

/** Returns the host of the registry of an image, as circuits are named: in lower case, `docker.io` where none is said. */
export function registryOfImage(image: string): string {
  const host = /^([^/]+)\//.exec(image)?.[1] ?? '';
  if (!/[.:A-Z]/.test(host) && host !== 'localhost') return 'docker.io';
  const lower = host.toLowerCase();
  return lower === 'index.docker.io' || lower === 'registry-1.docker.io' ? 'docker.io' : lower;
}

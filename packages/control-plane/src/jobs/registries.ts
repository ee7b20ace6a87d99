import type { Keys, Redis } from '@slipway/shared/redis';

/** A registry that jobs wait for. */
export interface RegistryState {
  /** Its host. */
  readonly registry: string;
  /** `closed`: the registry answers again, and the last waiting jobs are being released. */
  readonly circuit: 'open' | 'probing' | 'closed';
  readonly waiting: number;
  /** Faults in a row. */
  readonly faults: number;
  /** The time when the circuit opened, in milliseconds since the epoch. */
  readonly since: number;
}

/** Limit of registries that are shown and become labels of a metric. */
const maxShown = 50;

/** Returns the registries that have an open circuit or waiting jobs, the earliest first. `now` is Redis' time in milliseconds. */
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

/** Returns the host of the registry of an image, as circuits are named: in lower case, `docker.io` for an image without a host. */
export function registryOfImage(image: string): string {
  const host = /^([^/]+)\//.exec(image)?.[1] ?? '';
  if (!/[.:A-Z]/.test(host) && host !== 'localhost') return 'docker.io';
  const lower = host.toLowerCase();
  return lower === 'index.docker.io' || lower === 'registry-1.docker.io' ? 'docker.io' : lower;
}

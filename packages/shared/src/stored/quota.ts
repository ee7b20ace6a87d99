import { SlipwayError } from '../errors/index.js';
import { defineScript, type Keys, type Redis } from '../redis/index.js';
import { storedLua } from './lua.js';

interface Exceeded {
  readonly tenant: string;
  /** Bytes that the tenant has, as the script says. */
  readonly used: unknown;
  /** Bytes that were refused. */
  readonly bytes: number;
  readonly maxStoredBytes: number | undefined;
}

/** `stored_quota_exceeded`, with the figures. */
export function storedQuotaExceeded({ tenant, used, bytes, maxStoredBytes = 0 }: Exceeded): SlipwayError {
  return new SlipwayError(
    'stored_quota_exceeded',
    `The records of ${tenant} take ${String(used)} of ${maxStoredBytes} bytes; this needs ${bytes} more.`,
  );
}

/** KEYS: 1 the account. ARGV: 1 base of all keys, 2 tenant. Returns the bytes that it has now. */
const readScript = defineScript(`
local base = ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
${storedLua}
return whole(charged(ARGV[2]))
`);

/** Bytes of Redis that a tenant has now. */
export async function readStoredBytes(options: {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly tenant: string;
}): Promise<number> {
  const { redis, keys, tenant } = options;
  return Number(await readScript.run(redis, [keys.stored(tenant)], [keys.base, tenant]));
}

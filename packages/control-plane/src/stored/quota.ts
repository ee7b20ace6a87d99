import { SlipwayError } from '@slipway/shared/errors';
import { defineScript, type Keys, type Redis } from '@slipway/shared/redis';
import { z } from 'zod';
import { controlPlaneLua } from '../lua/index.js';

interface Exceeded {
  readonly tenant: string;
  /** Bytes that the tenant has, as returned by the script. */
  readonly used: unknown;
  /** Bytes that were refused. */
  readonly bytes: number;
  readonly maxStoredBytes: number | undefined;
}

/** Returns the error `stored_quota_exceeded` with the sizes. */
export function storedQuotaExceeded({ tenant, used, bytes, maxStoredBytes = 0 }: Exceeded): SlipwayError {
  return new SlipwayError(
    'stored_quota_exceeded',
    `The records of ${tenant} take ${String(used)} of ${maxStoredBytes} bytes; this needs ${bytes} more.`,
  );
}

const readScript = defineScript({
  folder: controlPlaneLua,
  file: 'stored/read',
  args: z.object({ tenant: z.string() }),
});

/** Returns the bytes that a tenant has in Redis. */
export async function readStoredBytes(options: {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly tenant: string;
}): Promise<number> {
  const { redis, keys, tenant } = options;
  return Number(await readScript.run({ redis, keys }, { tenant }));
}

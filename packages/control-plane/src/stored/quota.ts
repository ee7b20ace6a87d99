import { SlipwayError } from '@slipway/shared/errors';
import { defineScript, type Keys, type Redis } from '@slipway/shared/redis';
import { z } from 'zod';
import { controlPlaneLua } from '../lua/index.js';

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

const readScript = defineScript({
  folder: controlPlaneLua,
  file: 'stored/read',
  args: z.object({ tenant: z.string() }),
});

/** Bytes of Redis that a tenant has now. */
export async function readStoredBytes(options: {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly tenant: string;
}): Promise<number> {
  const { redis, keys, tenant } = options;
  return Number(await readScript.run({ redis, keys }, { tenant }));
}

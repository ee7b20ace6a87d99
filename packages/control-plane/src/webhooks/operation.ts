import { type Keys, type Redis, type Script, scriptsIn } from '@slipway/shared/redis';
import { z } from 'zod';
import { controlPlaneLua } from '../lua/index.js';

const script = scriptsIn(controlPlaneLua, 'webhooks/');

/**
 * The only way to change a delivery.
 *
 *   (none) ──create──▶ due ──begin──▶ leased ──end──▶ delivered | failed | canceled
 *                       ▲ ▲  │           │ │
 *                       │ │  └─begin──┐  │ └─────end with a retry, due later
 *                       │ └─unpark─ parked
 *                       └────────────────┘ the lease has expired
 *
 * A pending delivery is in exactly one of three places: *due* (`deliveries:due`, score = time of the next check), *leased* (in flight in
 * its lane, score = expiry of the lease) or *parked* in its lane, because the lane has no room or its circuit is open. A worker claims
 * due deliveries, which moves their check by seconds, and begins them at once. So the workers find every delivery whose worker died.
 * Ended states never change, and only the holder of the current token may end a delivery.
 */
export const deliveryScripts = {
  create: script('create', {
    id: z.string(),
    tenant: z.string(),
    state: z.string().optional(),
    reason: z.string().optional(),
    fields: z.array(z.string()),
  }),
  redeliver: script('redeliver', { id: z.string(), tenant: z.string(), again: z.string() }),
  begin: script('begin', {
    id: z.string(),
    token: z.string(),
    lease_ms: z.int(),
    max_in_flight: z.int(),
  }),
  end: script('end', {
    id: z.string(),
    token: z.string(),
    attempt: z.string().optional(),
    verdict: z.enum(['delivered', 'retry', 'failed', 'canceled']),
    detail: z.string().optional(),
    disable: z.string().optional(),
  }),
  wake: script('wake', { limit: z.int() }),
  prune: script('prune', {
    delivered_ms: z.int(),
    failed_ms: z.int(),
    max: z.int(),
    limit: z.int(),
    most_old: z.int(),
  }),
  pruneTenant: script('prune-tenant', { tenant: z.string(), kept_ms: z.int(), most: z.int() }),
};

export const claimScript = script('claim', { limit: z.int(), claim_ms: z.int() });

type Outcome = readonly [string, ...unknown[]];

/** Runs a script of deliveries, and returns its outcome. */
export async function operate<Args>(
  on: { readonly redis: Redis; readonly keys: Keys },
  operation: Script<Args>,
  args: Args,
): Promise<Outcome> {
  return (await operation.run(on, args)) as Outcome;
}

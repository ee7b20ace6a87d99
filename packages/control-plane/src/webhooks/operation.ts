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
 *                       │ └─release── parked
 *                       └────────────────┘ the lease has expired
 *
 * A pending delivery is in exactly one of three places: *due* (`deliveries:due`, score = time of the next check), *leased* (in flight in
 * its lane, score = expiry of the lease) or *parked* in its lane, because the lane has no room or its circuit is open. BullMQ is not a
 * fourth place: a delivery in the queue stays due, with a later time, until a worker begins it. So the sweep finds every delivery that
 * BullMQ or a worker loses.
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
  due: script('due', { limit: z.int() }),
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

/** Records that deliveries are in the queue. */
export const dispatchedScript = script('dispatched', { look_again_ms: z.int(), ids: z.array(z.string()) });

/** A delivery that may go to the queue. */
export interface ReadyDelivery {
  readonly id: string;
  /**
   * The id in the queue. It changes after each parking, because the queue may still hold the parked entry and refuses an id twice. The
   * queue takes each id once, even when several processes add it.
   */
  readonly queueId: string;
}

interface OperationReply {
  readonly outcome: readonly [string, ...unknown[]];
  readonly released: ReadyDelivery[];
}

/** Runs a script of deliveries. */
export async function operate<Args>(
  on: { readonly redis: Redis; readonly keys: Keys },
  operation: Script<Args>,
  args: Args,
): Promise<OperationReply> {
  const [outcome, released] = (await operation.run(on, args)) as [OperationReply['outcome'], string[]];
  return { outcome, released: readyFrom(released) };
}

function readyFrom(flat: readonly string[]): ReadyDelivery[] {
  const ready: ReadyDelivery[] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const [id, parkings] = [flat[at] as string, flat[at + 1] as string];
    ready.push({ id, queueId: parkings === '0' ? id : `${id}.${parkings}` });
  }
  return ready;
}

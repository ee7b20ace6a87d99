import { randomBytes, randomUUID } from 'node:crypto';
import { type EndpointRequest, endpointRequestSchema } from '@slipway/shared/contracts';
import { type Redis, redisKeys } from '@slipway/shared/redis';
import {
  type AttemptRecord,
  DeliveryStore,
  type EndpointRecord,
  EndpointStore,
  type NewDelivery,
} from './index.js';

/** Returns stores of a separate installation on a real Redis. */
export function newStores(redis: Redis, options: { now?: () => number } = {}) {
  const keys = redisKeys(`test-${randomUUID()}`);
  const endpoints = new EndpointStore({ redis, keys, sealingKey: randomBytes(32), ...options });
  return { redis, keys, endpoints, deliveries: new DeliveryStore({ redis, keys }) };
}

export type Stores = ReturnType<typeof newStores>;

export const endpointRequest = (changes: object = {}): EndpointRequest =>
  endpointRequestSchema.parse({ url: 'https://ci.example/hook', ...changes });

export async function newEndpoint(stores: Stores, changes: object = {}): Promise<EndpointRecord> {
  return (await stores.endpoints.create('default', endpointRequest(changes))).endpoint;
}

const newDeliveryId = () => `dlv_${randomBytes(16).toString('hex')}`;

export function newDelivery(changes: Partial<NewDelivery> = {}): NewDelivery {
  const id = newDeliveryId();
  return {
    id,
    messageId: `msg_${id}`,
    tenant: 'default',
    lane: 'callback:0123456789abcdef',
    url: 'https://ci.example/callback',
    type: 'job.succeeded',
    sequence: 3,
    format: { type: 'standard' },
    body: '{"type":"job.succeeded"}',
    ...changes,
  };
}

export const toEndpointOf = ({ id, url }: EndpointRecord, changes: Partial<NewDelivery> = {}): NewDelivery =>
  newDelivery({ lane: `endpoint:${id}`, endpointId: id, url, ...changes });

/** Creates deliveries one after another, so that each is at least as new as the one before. Returns their ids. */
export async function create(stores: Stores, ...deliveries: NewDelivery[]): Promise<string[]> {
  for (const delivery of deliveries) await stores.deliveries.create([delivery]);
  return deliveries.map(({ id }) => id);
}

const attempt = (changes: Partial<AttemptRecord> = {}): AttemptRecord => ({
  at: Date.now(),
  durationMs: 12,
  ...changes,
});
export const ok = { attempt: attempt({ status: 204 }), verdict: { kind: 'delivered' } } as const;
export const retry = () =>
  ({
    attempt: attempt({ status: 500, response: 'no' }),
    verdict: { kind: 'retry', at: Date.now() + 300_000 },
  }) as const;
export const exhausted = {
  attempt: attempt({ error: 'ECONNREFUSED' }),
  verdict: { kind: 'failed', reason: 'exhausted' },
} as const;

const lease = { leaseMs: 60_000, maxInFlight: 2 };

/** Begins a delivery with a new token. Returns the token and the outcome. */
export async function begin(stores: Stores, id: string, options: Partial<typeof lease> = {}) {
  const token = randomUUID();
  return { token, ...(await stores.deliveries.begin(id, { token, ...lease, ...options })) };
}

/** Begins and ends an attempt. */
export async function attemptOf(
  stores: Stores,
  id: string,
  end: Parameters<DeliveryStore['end']>[2],
): ReturnType<DeliveryStore['end']> {
  const begun = await begin(stores, id);
  if (begun.outcome !== 'begun') throw new Error(`${id} was not begun but ${begun.outcome}`);
  return await stores.deliveries.end(id, begun.token, end);
}

/** Returns the deliveries that are due, the most overdue first. */
export async function dueIds({ redis, keys }: Stores): Promise<string[]> {
  const [seconds, micros] = await redis.time();
  return await redis.zrangebyscore(
    keys.dueDeliveries,
    '-inf',
    Number(seconds) * 1_000 + Number(micros) / 1_000,
  );
}

/** Makes a delivery due. */
export async function makeDue({ redis, keys }: Stores, id: string): Promise<void> {
  await redis.hset(keys.delivery(id), 'due_at', '1');
  await redis.zadd(keys.dueDeliveries, 'XX', 1, id);
}

/** Expires the leases of a lane, and makes its circuit due for a probe. */
export async function letTimePass({ redis, keys }: Stores, lane: string): Promise<void> {
  const inflight = `${keys.lane(lane)}:inflight`;
  for (const id of await redis.zrange(inflight, '0', '-1')) await redis.zadd(inflight, 1, id);
  if (await redis.hexists(keys.lane(lane), 'open_until'))
    await redis.hset(keys.lane(lane), 'open_until', '1');
  await redis.zadd(`${keys.base}lanes`, 'XX', 1, lane);
}

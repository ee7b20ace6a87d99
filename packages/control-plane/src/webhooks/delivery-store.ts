import { randomBytes } from 'node:crypto';
import type { DeliveryState, DisabledReason } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import type { Keys, Redis } from '@slipway/shared/redis';
import { type Fields, noRecordFaults, ofTenant, type RecordFaults, readRecord } from '../records/index.js';
import {
  type AttemptRecord,
  type DeliveryRecord,
  deliveryFields,
  type NewDelivery,
  parseDelivery,
} from './delivery-record.js';
import { type DeliveryFilter, type DeliveryPage, listDeliveries } from './list.js';
import { claimScript, deliveryScripts, operate } from './operation.js';

interface BeginOptions {
  /** The sender chooses a token. It needs the same token to end the attempt. */
  readonly token: string;
  /** Milliseconds for which no other sender can begin the delivery. */
  readonly leaseMs: number;
  /** Limit of concurrent requests for a lane of callbacks. Endpoints have their own limit. */
  readonly maxInFlight: number;
}

/**
 * `parked`: the delivery is due again once its lane has room. `ended`: there is nothing to do. `later`: another sender has the delivery, or it
 * is not due yet.
 */
export type BeginReply =
  | { readonly outcome: 'begun'; readonly record: DeliveryRecord; readonly attempt: number }
  | { readonly outcome: 'parked' | 'ended' | 'missing' | 'later' };

export type Verdict =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'retry'; readonly at: number }
  | { readonly kind: 'failed' | 'canceled'; readonly reason: string };

interface AttemptEnd {
  /** Absent when no request was made: the health of the receiver does not change then. */
  readonly attempt?: AttemptRecord | undefined;
  readonly verdict: Verdict;
  /** The reason to switch the endpoint off, if any. */
  readonly disable?: DisabledReason | undefined;
}

export interface EndReply {
  /** True when the token was not the current one, so that nothing was recorded. */
  readonly stale: boolean;
  /** The reason that this attempt switched the endpoint off, if it did. */
  readonly disabled: DisabledReason | undefined;
}

interface DeliveryStoreOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** Receives records that cannot be read. */
  readonly faults?: RecordFaults | undefined;
  /** Receives deliveries that were not created because their tenant has no room. Without it, `create` throws `stored_quota_exceeded`. */
  readonly onRefused?: ((refused: readonly NewDelivery[]) => void) | undefined;
}

interface PruneOptions {
  /** Milliseconds to keep delivered ones, and the other ended ones, after their end. */
  readonly deliveredMs: number;
  readonly failedMs: number;
  /** Number of ended deliveries to keep. */
  readonly max: number;
  /** Limit of deliveries removed for their age. Default: the limit of one step. */
  readonly mostOld?: number;
}

/** Limit of deliveries in one operation of the sweep or of pruning. */
const step = 500;
/** Milliseconds after which a claimed delivery that its worker did not begin is due again. */
const claimMs = 10_000;

/** The deliveries of all tenants, pending and ended. See operation.ts for the state machine. */
export class DeliveryStore {
  readonly #on: { readonly redis: Redis; readonly keys: Keys };
  readonly #faults: RecordFaults;
  readonly #onRefused: ((refused: readonly NewDelivery[]) => void) | undefined;

  constructor({ redis, keys, faults = noRecordFaults, onRefused }: DeliveryStoreOptions) {
    this.#onRefused = onRefused;
    this.#faults = faults;
    this.#on = { redis, keys };
  }

  /**
   * Creates deliveries. Does not change one that exists. A delivery to an endpoint that Slipway switched off is created as failed, and one
   * to an endpoint that its tenant switched off or deleted as canceled.
   */
  async create(deliveries: readonly NewDelivery[]): Promise<void> {
    const made = await Promise.all(
      deliveries.map((delivery) =>
        operate(this.#on, deliveryScripts.create, {
          ...{ id: delivery.id, tenant: delivery.tenant, state: delivery.state, reason: delivery.reason },
          fields: deliveryFields(delivery),
        }),
      ),
    );
    const refused = deliveries.filter((_delivery, at) => made[at]?.[0] === 'full');
    const [first] = refused;
    if (!first) return;
    if (!this.#onRefused) throw noRoom(first.tenant, made.find(([outcome]) => outcome === 'full')?.[1]);
    this.#onRefused(refused);
  }

  /** Leases a delivery, unless its lane has no room. URL and format come from the current endpoint. */
  async begin(id: string, { token, leaseMs, maxInFlight }: BeginOptions): Promise<BeginReply> {
    const [kind, value] = await operate(this.#on, deliveryScripts.begin, {
      ...{ id, token, lease_ms: leaseMs, max_in_flight: maxInFlight },
    });
    if (kind !== 'begun') return { outcome: kind as 'parked' | 'ended' | 'missing' | 'later' };
    const record = await this.#read(id, fromPairs(value as string[]));
    if (!record) return { outcome: 'missing' };
    return { outcome: kind, record, attempt: record.attempts.length + 1 };
  }

  /** Records the end of an attempt, updates the health of the endpoint, and makes parked deliveries of the lane due. */
  async end(id: string, token: string, { attempt, verdict, disable }: AttemptEnd): Promise<EndReply> {
    const outcome = await operate(this.#on, deliveryScripts.end, {
      ...{ id, token, verdict: verdict.kind, disable },
      attempt: attempt && JSON.stringify(attempt),
      detail:
        'at' in verdict ? String(Math.round(verdict.at)) : 'reason' in verdict ? verdict.reason : undefined,
    });
    const [kind, disabled] = outcome as ['ok' | 'stale', DisabledReason | ''];
    return { stale: kind === 'stale', disabled: disabled || undefined };
  }

  async get(tenant: string, id: string): Promise<DeliveryRecord | undefined> {
    return await ofTenant(tenant, this.#read(id, this.#on.redis.hgetall(this.#on.keys.delivery(id))));
  }

  async #read(id: string, reply: Promise<Fields> | Fields): Promise<DeliveryRecord | undefined> {
    return await readRecord({ kind: 'delivery', id, reply, parse: parseDelivery, faults: this.#faults });
  }

  /** Returns a page of a tenant's deliveries, newest first. */
  async list(filter: DeliveryFilter): Promise<DeliveryPage> {
    return await listDeliveries({ ...this.#on, faults: this.#faults, filter });
  }

  /** Sends a message again, as a new delivery to the current URL of its endpoint. Returns undefined when the tenant has no such delivery. */
  async redeliver(tenant: string, id: string): Promise<DeliveryRecord | undefined> {
    const again = await this.#redeliver(tenant, id);
    return again === undefined ? undefined : await this.get(tenant, again);
  }

  /**
   * Sends again every message to the endpoint that was created since a time (milliseconds) and failed or was canceled. Sends each message
   * once, and skips messages that have arrived or are pending since. Returns the number of new deliveries.
   */
  async recover(options: { tenant: string; endpoint: string; since: number }): Promise<number> {
    const { tenant, endpoint, since } = options;
    const lost = new Map<string, string>();
    const pendingOrArrived = new Set<string>();
    const index = this.#on.keys.deliveries(`endpoint:${endpoint}`);
    for (let at = 0; ; at += step) {
      const ids = await this.#on.redis.zrangebyscore(index, since, '+inf', 'LIMIT', at, step);
      for (const { id, state, messageId, owner, reason } of await this.#outlines(ids)) {
        if (owner !== tenant || reason === 'stale') continue;
        if (state === 'failed' || state === 'canceled') lost.set(messageId, id);
        else pendingOrArrived.add(messageId);
      }
      if (ids.length < step) break;
    }
    const wanted = [...lost].filter(([messageId]) => !pendingOrArrived.has(messageId)).map(([, id]) => id);
    let recovered = 0;
    for (let at = 0; at < wanted.length; at += step) {
      const again = await Promise.all(wanted.slice(at, at + step).map((id) => this.#redeliver(tenant, id)));
      recovered += again.filter((each) => each !== undefined).length;
    }
    return recovered;
  }

  /**
   * Claims due deliveries, up to a limit, for a worker that begins them at once. Returns their ids, the most overdue first, and the
   * milliseconds until the next delivery is due (undefined if none waits).
   */
  async claim(limit: number): Promise<{ readonly ids: string[]; readonly nextInMs: number | undefined }> {
    const [ids, next] = (await claimScript.run(this.#on, { limit, claim_ms: claimMs })) as [string[], number];
    return { ids, nextInMs: next < 0 ? undefined : next };
  }

  /**
   * Does one step of the sweep: reclaims expired leases, makes parked deliveries due whose lane has room or whose circuit is due for a
   * probe, and cancels deliveries to endpoints that were switched off or deleted.
   */
  async wakeLanes(): Promise<void> {
    await operate(this.#on, deliveryScripts.wake, { limit: step });
  }

  /** Removes ended deliveries that are too old or too many, up to a limit. Returns the number removed, and the number removed for their age. */
  async prune(options: PruneOptions): Promise<{ readonly removed: number; readonly old: number }> {
    const { deliveredMs, failedMs, max, mostOld = step } = options;
    const most = Math.min(step, mostOld);
    const outcome = await operate(this.#on, deliveryScripts.prune, {
      ...{ delivered_ms: deliveredMs, failed_ms: failedMs, max, limit: step, most_old: most },
    });
    return { removed: Number(outcome[1]), old: Number(outcome[2]) };
  }

  /** Returns the number of ended deliveries of all tenants. */
  async countEnded(): Promise<number> {
    const ended = ['ended:delivered', 'ended:failed'].map((name) =>
      this.#on.redis.zcard(this.#on.keys.deliveries(name)),
    );
    return (await Promise.all(ended)).reduce((sum, count) => sum + count, 0);
  }

  /** Removes deliveries of a tenant that ended more than `keptMs` ago. Checks the `most` oldest ones. Returns the number removed. */
  async pruneOf(tenant: string, { keptMs, most }: { keptMs: number; most: number }): Promise<number> {
    const outcome = await operate(this.#on, deliveryScripts.pruneTenant, {
      tenant,
      kept_ms: keptMs,
      most,
    });
    return Number(outcome[1]);
  }

  async #redeliver(tenant: string, id: string): Promise<string | undefined> {
    const again = `dlv_${randomBytes(16).toString('hex')}`;
    const outcome = await operate(this.#on, deliveryScripts.redeliver, { id, tenant, again });
    if (outcome[0] === 'full') throw noRoom(tenant, outcome[1]);
    return outcome[0] === 'ok' ? again : undefined;
  }

  async #outlines(ids: readonly string[]) {
    const pipeline = this.#on.redis.pipeline();
    for (const id of ids)
      pipeline.hmget(this.#on.keys.delivery(id), 'state', 'message_id', 'tenant', 'reason');
    const replies = (await pipeline.exec()) ?? [];
    return replies.map(([error, values], at) => {
      if (error) throw error;
      const [state, messageId, owner, reason] = values as (string | null)[];
      return {
        id: ids[at] as string,
        state: state as DeliveryState | null,
        messageId: messageId ?? '',
        owner,
        reason,
      };
    });
  }
}

const noRoom = (tenant: string, used: unknown) =>
  new SlipwayError(
    'stored_quota_exceeded',
    `The records of ${tenant} take ${String(used)} bytes, which leaves no room for a delivery.`,
  );

function fromPairs(flat: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let at = 0; at + 1 < flat.length; at += 2) fields[flat[at] as string] = flat[at + 1] as string;
  return fields;
}

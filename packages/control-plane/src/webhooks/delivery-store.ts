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
import { deliveryScripts, dispatchedScript, operate, type ReadyDelivery } from './operation.js';

interface BeginOptions {
  /** Made up by who begins; who ends must name it. */
  readonly token: string;
  /** For how long nobody else begins it. */
  readonly leaseMs: number;
  /** Of the lanes of callbacks; endpoints have their own. */
  readonly maxInFlight: number;
}

/**
 * `parked`: it comes back by itself. `ended`: nothing is to be done. `later`: not before `at`, in milliseconds since the epoch, because it is due then,
 * or because someone else has it until then.
 */
export type BeginReply =
  | { readonly outcome: 'begun'; readonly record: DeliveryRecord; readonly attempt: number }
  | { readonly outcome: 'parked' | 'ended' | 'missing' }
  | { readonly outcome: 'later'; readonly at: number };

export type Verdict =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'retry'; readonly at: number }
  | { readonly kind: 'failed' | 'canceled'; readonly reason: string };

interface AttemptEnd {
  /** Absent where none was made: then it says nothing about the receiver. */
  readonly attempt?: AttemptRecord | undefined;
  readonly verdict: Verdict;
  /** Switches the endpoint off. */
  readonly disable?: DisabledReason | undefined;
}

export interface EndReply {
  /** The token was not the current one, so nothing was recorded. */
  readonly stale: boolean;
  /** Deliveries that may go to the queue now. */
  readonly released: ReadyDelivery[];
  /** Why the endpoint was switched off by this. */
  readonly disabled: DisabledReason | undefined;
}

interface DeliveryStoreOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** Receives records that cannot be read. */
  readonly faults?: RecordFaults | undefined;
  /** Called with deliveries that were made and may go to the queue. Without it, that is left to the caller, or to the sweep. */
  readonly onMade?: ((ready: readonly ReadyDelivery[]) => void) | undefined;
  /** Receives deliveries that were not made because their tenant has no room for them. Without it, that is thrown as `stored_quota_exceeded`. */
  readonly onRefused?: ((refused: readonly NewDelivery[]) => void) | undefined;
}

interface PruneOptions {
  /** How long after their end those are kept that were delivered, and the others. */
  readonly deliveredMs: number;
  readonly failedMs: number;
  /** How many ended ones are kept. */
  readonly max: number;
  /** How many are removed for their age at most. Default: as many as one step removes. */
  readonly mostOld?: number;
}

/** One operation of the sweep or of pruning looks at so many at most. */
const step = 500;
/** What was given to the queue and is not begun after this time is looked at again. */
const lookAgainMs = 30_000;

/** The deliveries of all tenants: what is to be sent, and the log of what was. See operation.ts for how one changes. */
export class DeliveryStore {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #on: { readonly redis: Redis; readonly keys: Keys };
  readonly #faults: RecordFaults;
  readonly #onRefused: ((refused: readonly NewDelivery[]) => void) | undefined;
  readonly #onMade: (ready: readonly ReadyDelivery[]) => void;

  constructor({
    redis,
    keys,
    faults = noRecordFaults,
    onMade = () => undefined,
    onRefused,
  }: DeliveryStoreOptions) {
    this.#onRefused = onRefused;
    this.#faults = faults;
    this.#redis = redis;
    this.#keys = keys;
    this.#on = { redis, keys };
    this.#onMade = onMade;
  }

  /**
   * Records deliveries; one that is there already is left as it is. One for an endpoint that Slipway has switched off is recorded as
   * failed, and one for an endpoint that was switched off by hand or deleted as canceled.
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
    this.#onMade(made.flatMap(({ released }) => released));
    const refused = deliveries.filter((_delivery, at) => made[at]?.outcome[0] === 'full');
    const [first] = refused;
    if (!first) return;
    if (!this.#onRefused)
      throw noRoom(first.tenant, made.find(({ outcome }) => outcome[0] === 'full')?.outcome[1]);
    this.#onRefused(refused);
  }

  /** Takes a delivery in hand, unless its lane has no room. Its URL and format are those that its endpoint has now. */
  async begin(id: string, { token, leaseMs, maxInFlight }: BeginOptions): Promise<BeginReply> {
    const { outcome } = await operate(this.#on, deliveryScripts.begin, {
      ...{ id, token, lease_ms: leaseMs, max_in_flight: maxInFlight },
    });
    const [kind, value] = outcome;
    if (kind === 'later') return { outcome: kind, at: Number(value) };
    if (kind !== 'begun') return { outcome: kind as 'parked' | 'ended' | 'missing' };
    const record = await this.#read(id, fromPairs(value as string[]));
    if (!record) return { outcome: 'missing' };
    return { outcome: kind, record, attempt: record.attempts.length + 1 };
  }

  /** Records what came of an attempt, what it says of the endpoint, and lets others of the lane go. */
  async end(id: string, token: string, { attempt, verdict, disable }: AttemptEnd): Promise<EndReply> {
    const { outcome, released } = await operate(this.#on, deliveryScripts.end, {
      ...{ id, token, verdict: verdict.kind, disable },
      attempt: attempt && JSON.stringify(attempt),
      detail:
        'at' in verdict ? String(Math.round(verdict.at)) : 'reason' in verdict ? verdict.reason : undefined,
    });
    const [kind, disabled] = outcome as ['ok' | 'stale', DisabledReason | ''];
    return { stale: kind === 'stale', released, disabled: disabled || undefined };
  }

  async get(tenant: string, id: string): Promise<DeliveryRecord | undefined> {
    return await ofTenant(tenant, this.#read(id, this.#redis.hgetall(this.#keys.delivery(id))));
  }

  async #read(id: string, reply: Promise<Fields> | Fields): Promise<DeliveryRecord | undefined> {
    return await readRecord({ kind: 'delivery', id, reply, parse: parseDelivery, faults: this.#faults });
  }

  /** A page of a tenant's deliveries, newest first. */
  async list(filter: DeliveryFilter): Promise<DeliveryPage> {
    return await listDeliveries({ redis: this.#redis, keys: this.#keys, faults: this.#faults, filter });
  }

  /** Sends a message again, as a new delivery, to where its endpoint is now. Undefined when the tenant has no such delivery. */
  async redeliver(tenant: string, id: string): Promise<DeliveryRecord | undefined> {
    const again = await this.#redeliver(tenant, id);
    if (again === undefined) return undefined;
    this.#onMade(again.released);
    return await this.get(tenant, again.id);
  }

  /**
   * Sends every message again of which a delivery to the endpoint that was created since then (milliseconds) failed or was canceled,
   * each once, and none that has arrived or is under way since. Returns how many.
   */
  async recover(options: { tenant: string; endpoint: string; since: number }): Promise<number> {
    const { tenant, endpoint, since } = options;
    const lost = new Map<string, string>();
    const settled = new Set<string>();
    const index = this.#keys.deliveries(`endpoint:${endpoint}`);
    for (let at = 0; ; at += step) {
      const ids = await this.#redis.zrangebyscore(index, since, '+inf', 'LIMIT', at, step);
      for (const { id, state, messageId, owner, reason } of await this.#outlines(ids)) {
        if (owner !== tenant || reason === 'stale') continue;
        if (state === 'failed' || state === 'canceled') lost.set(messageId, id);
        else settled.add(messageId);
      }
      if (ids.length < step) break;
    }
    const wanted = [...lost].filter(([messageId]) => !settled.has(messageId)).map(([, id]) => id);
    let recovered = 0;
    for (let at = 0; at < wanted.length; at += step) {
      const again = await Promise.all(wanted.slice(at, at + step).map((id) => this.#redeliver(tenant, id)));
      const made = again.filter((each) => each !== undefined);
      this.#onMade(made.flatMap(({ released }) => released));
      recovered += made.length;
    }
    return recovered;
  }

  /** Deliveries that are to go to the queue, some of them. Adding one that is there already is harmless. */
  async due(limit: number): Promise<ReadyDelivery[]> {
    return (await operate(this.#on, deliveryScripts.due, { limit })).released;
  }

  /** Notes that these were given to the queue; those that are not begun by 30 s after they were due are due once more. */
  async dispatched(ids: readonly string[]): Promise<void> {
    for (let at = 0; at < ids.length; at += step) {
      await dispatchedScript.run(this.#on, { look_again_ms: lookAgainMs, ids: ids.slice(at, at + step) });
    }
  }

  /**
   * A step of what is to be done with time, for the sweep: leases that have run out are taken back, parked deliveries whose lane has room
   * or whose circuit is to be tried let go, and those canceled whose endpoint was switched off or deleted. Returns what may go to the queue.
   */
  async wakeLanes(): Promise<ReadyDelivery[]> {
    return (await operate(this.#on, deliveryScripts.wake, { limit: step })).released;
  }

  /** Removes ended deliveries that are too old or too many, some of them. Returns how many, and how many of those for their age. */
  async prune(options: PruneOptions): Promise<{ readonly removed: number; readonly old: number }> {
    const { deliveredMs, failedMs, max, mostOld = step } = options;
    const most = Math.min(step, mostOld);
    const { outcome } = await operate(this.#on, deliveryScripts.prune, {
      ...{ delivered_ms: deliveredMs, failed_ms: failedMs, max, limit: step, most_old: most },
    });
    return { removed: Number(outcome[1]), old: Number(outcome[2]) };
  }

  /** How many deliveries have ended, of all tenants. */
  async countEnded(): Promise<number> {
    const ended = ['ended:delivered', 'ended:failed'].map((name) =>
      this.#redis.zcard(this.#keys.deliveries(name)),
    );
    return (await Promise.all(ended)).reduce((sum, count) => sum + count, 0);
  }

  /** Removes the oldest deliveries of a tenant that ended longer ago than this; looks at `most`. Returns how many were removed. */
  async pruneOf(tenant: string, { keptMs, most }: { keptMs: number; most: number }): Promise<number> {
    const { outcome } = await operate(this.#on, deliveryScripts.pruneTenant, {
      tenant,
      kept_ms: keptMs,
      most,
    });
    return Number(outcome[1]);
  }

  async #redeliver(
    tenant: string,
    id: string,
  ): Promise<{ id: string; released: ReadyDelivery[] } | undefined> {
    const again = `dlv_${randomBytes(16).toString('hex')}`;
    const { outcome, released } = await operate(this.#on, deliveryScripts.redeliver, { id, tenant, again });
    if (outcome[0] === 'full') throw noRoom(tenant, outcome[1]);
    return outcome[0] === 'ok' ? { id: again, released } : undefined;
  }

  async #outlines(ids: readonly string[]) {
    const pipeline = this.#redis.pipeline();
    for (const id of ids) pipeline.hmget(this.#keys.delivery(id), 'state', 'message_id', 'tenant', 'reason');
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
    `The records of ${tenant} take ${String(used)} bytes, and leave no room for a delivery.`,
  );

function fromPairs(flat: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let at = 0; at + 1 < flat.length; at += 2) fields[flat[at] as string] = flat[at + 1] as string;
  return fields;
}

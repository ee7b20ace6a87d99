import { randomBytes } from 'node:crypto';
import { Secret } from '@slipway/shared/config';
import { type EndpointPatch, type EndpointRequest, webhookFormat } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { newId } from '@slipway/shared/ids';
import { type Keys, type Redis, type Script, scriptsIn } from '@slipway/shared/redis';
import {
  type Resealed,
  resealFields,
  type SealedField,
  type SealingKey,
  seal,
  unseal,
} from '@slipway/shared/signing';
import { z } from 'zod';
import { controlPlaneLua } from '../lua/index.js';
import {
  isWrongType,
  noRecordFaults,
  ofTenant,
  type RecordFaults,
  readPage,
  readRecord,
  readRecords,
  schemaVersions,
} from '../records/index.js';
import { type EndpointRecord, parseEndpoint } from './endpoint-record.js';

interface EndpointStoreOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** Seals the secrets. */
  readonly sealingKey: SealingKey;
  /** Receives records that cannot be read. */
  readonly faults?: RecordFaults | undefined;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

interface EndpointWithSecret {
  readonly endpoint: EndpointRecord;
  /** The secret in clear text, to be shown once: `whsec_` and base64. */
  readonly secret: string;
}

const owned = { tenant: z.string(), id: z.string(), at: z.int() };
const script = scriptsIn(controlPlaneLua, 'webhooks/endpoint-');
const createScript = script('create', { ...owned, most: z.int(), fields: z.array(z.string()) });
const updateScript = script('update', { ...owned, fields: z.array(z.string()) });
const removeScript = script('remove', owned);
const rotateScript = script('rotate', { ...owned, sealed_secret: z.string(), previous_until: z.int() });
/** Limit of endpoints per tenant: each event is compared with all of them. */
const maxEndpoints = 100;
/** Default limit of concurrent requests to an endpoint. */
const usualInFlight = 10;
const rotationMs = 24 * 3600 * 1_000;
const secretBytes = 32;
/** Endpoints read at once. */
const run = 500;

/** The endpoints of all tenants. Secrets are stored sealed. An endpoint of another tenant counts as missing. */
export class EndpointStore {
  readonly #on: { readonly redis: Redis; readonly keys: Keys };
  readonly #sealingKey: SealingKey;
  readonly #now: () => number;
  readonly #faults: RecordFaults;
  #cache: { readonly version: string | null; readonly endpoints: readonly EndpointRecord[] } | undefined;

  constructor({ redis, keys, sealingKey, now = Date.now, faults = noRecordFaults }: EndpointStoreOptions) {
    this.#on = { redis, keys };
    this.#faults = faults;
    this.#sealingKey = sealingKey;
    this.#now = now;
  }

  async create(tenant: string, request: EndpointRequest): Promise<EndpointWithSecret> {
    const id = newId('wh');
    const { secret = newSecret(), ...settings } = request;
    // Statuses of a commit replace each other: two in flight at once could arrive in either order.
    const { setsCommitStatus } = webhookFormat(settings.format.type);
    const max_in_flight = settings.max_in_flight ?? (setsCommitStatus ? 1 : usualInFlight);
    const now = this.#now();
    const fields = [
      ['schema', String(schemaVersions.webhook)],
      ['tenant', tenant],
      ['sealed_secret', seal(this.#sealingKey, secret, id)],
      ['created_at', String(now)],
      ...fieldsOf({ ...settings, max_in_flight }),
    ];
    const args = { tenant, id, at: now, most: maxEndpoints, fields: fields.flat() };
    if ((await createScript.run(this.#on, args)) !== 1)
      throw new SlipwayError(
        'webhook_limit',
        `Tenant ${tenant} already has ${maxEndpoints} endpoints, which is the limit.`,
      );
    return { endpoint: await this.#existing(tenant, id), secret };
  }

  async get(tenant: string, id: string): Promise<EndpointRecord | undefined> {
    const reply = this.#on.redis.hgetall(this.#on.keys.webhook(id));
    const reading = readRecord({ kind: 'webhook', id, reply, parse: parseEndpoint, faults: this.#faults });
    return await ofTenant(tenant, reading);
  }

  /** Returns a tenant's endpoints after the id `after`, oldest first. */
  async list(tenant: string, page: { limit: number; after?: string | undefined }): Promise<EndpointRecord[]> {
    const { limit, after } = page;
    const index = this.#on.keys.webhooks(tenant);
    return await readPage({
      limit,
      after,
      ids: (from, count) =>
        this.#on.redis.zrangebylex(index, from === undefined ? '-' : `(${from}`, '+', 'LIMIT', 0, count),
      read: (ids) => this.#read(ids),
    });
  }

  /** Changes an endpoint. Enabling clears its failures; disabling cancels its pending deliveries. Returns undefined when there is none. */
  async update(tenant: string, id: string, patch: EndpointPatch): Promise<EndpointRecord | undefined> {
    const fields = fieldsOf(patch).flat();
    const changed = await this.#change(updateScript, { tenant, id, at: this.#now(), fields });
    return changed ? await this.get(tenant, id) : undefined;
  }

  /** Removes an endpoint. Its pending deliveries are canceled; see `DeliveryStore.wakeLanes`. Returns false when there was none. */
  async remove(tenant: string, id: string): Promise<boolean> {
    return await this.#change(removeScript, { tenant, id, at: this.#now() });
  }

  /** Replaces the secret. The previous secret stays valid for 24 hours; an older one becomes invalid. Returns undefined when there is no endpoint. */
  async rotate(tenant: string, id: string, secret = newSecret()): Promise<EndpointWithSecret | undefined> {
    const now = this.#now();
    const sealed_secret = seal(this.#sealingKey, secret, id);
    const args = { tenant, id, at: now, sealed_secret, previous_until: now + rotationMs };
    if (!(await this.#change(rotateScript, args))) return undefined;
    const endpoint = await this.get(tenant, id);
    return endpoint && { endpoint, secret };
  }

  /** Returns the secrets that sign messages now, the newest first. */
  secrets(record: EndpointRecord): Secret[] {
    const { id, sealedSecret, previousSealedSecret, rotatingUntil = 0 } = record;
    const valid =
      previousSealedSecret !== undefined && rotatingUntil > this.#now()
        ? [sealedSecret, previousSealedSecret]
        : [sealedSecret];
    return valid.map((sealed) => new Secret(unseal(this.#sealingKey, sealed, id)));
  }

  /** Seals again the secrets that are sealed under a payload secret of the installation that is being replaced. */
  async reseal(): Promise<Resealed> {
    const fields = (await this.#all()).flatMap((record): SealedField[] => {
      const { id, sealedSecret, previousSealedSecret, rotatingUntil = 0 } = record;
      const common = { key: this.#on.keys.webhook(id), context: id, stores: (sealed: string) => sealed };
      const of = (field: string, sealed: string) => ({ ...common, field, stored: sealed, sealed });
      const own = of('sealed_secret', sealedSecret);
      // An expired previous secret is never opened again.
      if (previousSealedSecret === undefined || rotatingUntil <= this.#now()) return [own];
      return [own, of('previous_sealed_secret', previousSealedSecret)];
    });
    return await resealFields({ ...this.#on, sealingKey: this.#sealingKey, fields });
  }

  /**
   * Returns the endpoints of all tenants that get messages: enabled ones, and those that Slipway switched off. The process caches them
   * until an endpoint changes. A change of health does not count, so the health may be old.
   */
  async active(): Promise<readonly EndpointRecord[]> {
    // The version is read first: a change during the rest raises it, so that the next call reads again.
    const version = await this.#on.redis.get(this.#on.keys.webhooksVersion);
    if (this.#cache?.version !== version || !this.#cache) {
      const all = version === null ? [] : await this.#all();
      this.#cache = {
        version,
        endpoints: all.filter(({ enabled, disabled }) => enabled || disabled !== undefined),
      };
    }
    return this.#cache.endpoints;
  }

  /** Returns the time in milliseconds until which the circuit of an endpoint is open, or undefined when it is closed. */
  async circuitOpenUntil(id: string): Promise<number | undefined> {
    const until = Number(await this.#on.redis.hget(this.#on.keys.lane(`endpoint:${id}`), 'open_until'));
    return until > this.#now() ? until : undefined;
  }

  async #change<Args>(change: Script<Args>, args: Args): Promise<boolean> {
    try {
      return (await change.run(this.#on, args)) === 1;
    } catch (error) {
      // A key of another type names no tenant, so it counts as missing.
      if (isWrongType(error)) return false;
      throw error;
    }
  }

  async #existing(tenant: string, id: string): Promise<EndpointRecord> {
    const record = await this.get(tenant, id);
    if (!record) throw new Error(`the endpoint ${id} was removed while it was made`);
    return record;
  }

  async #all(): Promise<EndpointRecord[]> {
    const ids = await this.#on.redis.zrange(this.#on.keys.allWebhooks, '0', '-1');
    const records: EndpointRecord[] = [];
    for (let at = 0; at < ids.length; at += run) records.push(...(await this.#read(ids.slice(at, at + run))));
    return records;
  }

  async #read(ids: readonly string[]): Promise<EndpointRecord[]> {
    const pipeline = this.#on.redis.pipeline();
    for (const id of ids) pipeline.hgetall(this.#on.keys.webhook(id));
    const replies = await pipeline.exec();
    return readRecords({ kind: 'webhook', ids, replies, parse: parseEndpoint, faults: this.#faults });
  }
}

const newSecret = () => `whsec_${randomBytes(secretBytes).toString('base64')}`;

function fieldsOf(settings: EndpointPatch): [string, string][] {
  return Object.entries(settings).flatMap(([name, value]): [string, string][] => {
    if (value === undefined) return [];
    if (typeof value === 'boolean') return [[name, value ? '1' : '0']];
    return [[name, typeof value === 'object' ? JSON.stringify(value) : String(value)]];
  });
}

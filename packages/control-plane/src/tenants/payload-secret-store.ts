import { randomBytes } from 'node:crypto';
import { Secret } from '@slipway/shared/config';
import type { PayloadSecretView } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { newId } from '@slipway/shared/ids';
import type { Keys, Redis } from '@slipway/shared/redis';
import {
  type Resealed,
  resealFields,
  type SealedField,
  type SealingKey,
  seal,
  unseal,
} from '@slipway/shared/signing';
import { noRecordFaults, type RecordFaults, schemaVersions, UnreadableRecord } from '../records/index.js';

/** A secret that payloads of `POST /build` may be signed with. */
export interface PayloadSecretRecord {
  readonly id: string;
  readonly tenant: string;
  readonly managedBy: 'api' | 'file';
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Undefined when it was sealed under another payload secret of the installation: nothing can be signed with it any more. */
  readonly secret: Secret | undefined;
}

interface PayloadSecretStoreOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** What is stored is sealed with it. */
  readonly sealingKey: SealingKey;
  /** Receives records that cannot be read. */
  readonly faults?: RecordFaults | undefined;
  /** Milliseconds since the epoch, by Redis' time. The machine's unless given. */
  readonly now?: (() => number) | undefined;
}

/** Every payload is checked against all of them as it streams. */
const maxSecrets = 32;

interface Stored {
  /** Absent in records of version 1 that were written before there were versions. */
  readonly schema?: number;
  readonly tenant: string;
  readonly managed_by: 'api' | 'file';
  readonly created_at: number;
  readonly sealed: string;
}

/** The payload secrets of tenants, besides that of the installation. */
export class PayloadSecretStore {
  readonly #options: PayloadSecretStoreOptions;

  constructor(options: PayloadSecretStoreOptions) {
    this.#options = options;
  }

  /** Makes one, unless it is given. Throws `payload_secret_limit` when there are as many as may be. */
  async create(
    tenant: string,
    { text, managedBy = 'api' }: { text?: string; managedBy?: PayloadSecretRecord['managedBy'] } = {},
  ): Promise<PayloadSecretRecord & { readonly secret: Secret }> {
    const { redis, keys, sealingKey, now = Date.now } = this.#options;
    if ((await redis.hlen(keys.payloadSecrets)) >= maxSecrets) {
      throw new SlipwayError('payload_secret_limit', `No more than ${maxSecrets} may be kept.`);
    }
    const id = newId('pay');
    const secret = text ?? randomBytes(32).toString('hex');
    const stored: Stored = {
      schema: schemaVersions.payload_secret,
      tenant,
      managed_by: managedBy,
      created_at: now(),
      sealed: seal(sealingKey, secret, `${tenant}/${id}`),
    };
    await redis
      .multi()
      .hset(keys.payloadSecrets, id, JSON.stringify(stored))
      .publish(keys.tenantChanges, tenant)
      .exec();
    return { id, tenant, managedBy, createdAt: stored.created_at, secret: new Secret(secret) };
  }

  /** Those of all tenants, or of one. */
  async list(tenant?: string): Promise<PayloadSecretRecord[]> {
    const { sealingKey } = this.#options;
    const all = (await this.#stored()).map(({ id, stored }) => {
      const { tenant: whose, managed_by, created_at, sealed } = stored;
      const secret = opened(sealingKey, sealed, `${whose}/${id}`);
      return { id, tenant: whose, managedBy: managed_by, createdAt: created_at, secret };
    });
    return all
      .filter((record) => tenant === undefined || record.tenant === tenant)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** All that can be read. */
  async #stored(): Promise<{ id: string; text: string; stored: Stored }[]> {
    const { redis, keys, faults = noRecordFaults } = this.#options;
    return Object.entries(await redis.hgetall(keys.payloadSecrets)).flatMap(([id, text]) => {
      const stored = parseStored(text);
      if (stored) return { id, text, stored };
      faults.note(
        new UnreadableRecord({ kind: 'payload_secret', id, why: 'it is damaged or of a newer version' }),
      );
      return [];
    });
  }

  /** False when the tenant has none of this id. */
  async remove(tenant: string, id: string): Promise<boolean> {
    const { redis, keys } = this.#options;
    const text = await redis.hget(keys.payloadSecrets, id);
    // One that cannot be read belongs to no tenant any more: any operator may remove it.
    if (text === null || (parseStored(text)?.tenant ?? tenant) !== tenant) return false;
    const replies = await redis
      .multi()
      .hdel(keys.payloadSecrets, id)
      .publish(keys.tenantChanges, tenant)
      .exec();
    return replies?.[0]?.[1] === 1;
  }

  /** Seals anew what is sealed under a payload secret of the installation that is being replaced. */
  async reseal(): Promise<Resealed> {
    const { redis, keys, sealingKey } = this.#options;
    const key = keys.payloadSecrets;
    const fields = (await this.#stored()).map(({ id, text, stored }): SealedField => {
      const { tenant, sealed } = stored;
      const stores = (anew: string) => JSON.stringify({ ...stored, sealed: anew } satisfies Stored);
      return { key, field: id, stored: text, sealed, context: `${tenant}/${id}`, stores };
    });
    return await resealFields({ redis, keys, sealingKey, fields });
  }
}

/** Undefined when it is damaged, or of a newer version. */
function parseStored(text: string): Stored | undefined {
  try {
    const stored = JSON.parse(text) as Partial<Stored> | null;
    if (typeof stored?.tenant !== 'string' || typeof stored.sealed !== 'string') return undefined;
    if (!Number.isFinite(stored.created_at) || (stored.schema ?? 1) > schemaVersions.payload_secret)
      return undefined;
    return stored as Stored;
  } catch {
    return undefined;
  }
}

function opened(key: SealingKey, sealed: string, context: string): Secret | undefined {
  try {
    return new Secret(unseal(key, sealed, context));
  } catch {
    // The cipher says no more than that it does not fit.
    return undefined;
  }
}

/** What may be shown of it. */
export function toPayloadSecret(record: PayloadSecretRecord): PayloadSecretView {
  const { id, tenant, managedBy, createdAt, secret } = record;
  return {
    id,
    tenant,
    managed_by: managedBy,
    created_at: new Date(createdAt).toISOString(),
    usable: secret !== undefined,
  };
}

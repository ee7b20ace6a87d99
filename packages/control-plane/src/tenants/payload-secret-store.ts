import { randomBytes } from 'node:crypto';
import { Secret } from '@slipway/shared/config';
import type { PayloadSecretView } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { newId } from '@slipway/shared/ids';
import { defineScript, type Keys, type Redis } from '@slipway/shared/redis';
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
import { noRecordFaults, type RecordFaults, schemaVersions, UnreadableRecord } from '../records/index.js';

/** A secret with which callers may sign payloads of `POST /build`. */
export interface PayloadSecretRecord {
  readonly id: string;
  readonly tenant: string;
  readonly managedBy: 'api' | 'file';
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Undefined when it was sealed under another payload secret of the installation, so that it cannot verify payloads any more. */
  readonly secret: Secret | undefined;
}

interface PayloadSecretStoreOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** Seals the stored secrets. */
  readonly sealingKey: SealingKey;
  /** Receives records that cannot be read. */
  readonly faults?: RecordFaults | undefined;
  /** Milliseconds since the epoch, by Redis' time. The machine's unless given. */
  readonly now?: (() => number) | undefined;
}

/** Limit of payload secrets. The API checks every payload against all of them while it streams. */
const maxSecrets = 32;

const addScript = defineScript({
  folder: controlPlaneLua,
  file: 'tenants/add-payload-secret',
  args: z.object({ id: z.string(), record: z.string(), tenant: z.string(), most: z.int() }),
});

interface Stored {
  /** Absent in records of version 1 from releases without schema versions. */
  readonly schema?: number;
  readonly tenant: string;
  readonly managed_by: 'api' | 'file';
  readonly created_at: number;
  readonly sealed: string;
}

/** The payload secrets of tenants, in addition to the one of the installation. */
export class PayloadSecretStore {
  readonly #options: PayloadSecretStoreOptions;

  constructor(options: PayloadSecretStoreOptions) {
    this.#options = options;
  }

  /** Adds a secret: the given text, or a new random one. Throws `payload_secret_limit` when the limit is reached. */
  async create(
    tenant: string,
    { text, managedBy = 'api' }: { text?: string; managedBy?: PayloadSecretRecord['managedBy'] } = {},
  ): Promise<PayloadSecretRecord & { readonly secret: Secret }> {
    const { redis, keys, sealingKey, now = Date.now } = this.#options;
    const id = newId('pay');
    const secret = text ?? randomBytes(32).toString('hex');
    const stored: Stored = {
      schema: schemaVersions.payload_secret,
      tenant,
      managed_by: managedBy,
      created_at: now(),
      sealed: seal(sealingKey, secret, `${tenant}/${id}`),
    };
    const args = { id, record: JSON.stringify(stored), tenant, most: maxSecrets };
    if ((await addScript.run({ redis, keys }, args)) !== 1)
      throw new SlipwayError(
        'payload_secret_limit',
        `The installation already has ${maxSecrets} payload secrets, which is the limit.`,
      );
    return { id, tenant, managedBy, createdAt: stored.created_at, secret: new Secret(secret) };
  }

  /** Returns the secrets of all tenants, or of one. */
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

  /** Returns all readable secrets, and reports the others to `faults`. */
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

  /** Removes a secret. Returns false when the tenant has no secret with this id. */
  async remove(tenant: string, id: string): Promise<boolean> {
    const { redis, keys } = this.#options;
    const text = await redis.hget(keys.payloadSecrets, id);
    // The tenant of an unreadable secret is unknown, so any operator may remove it.
    if (text === null || (parseStored(text)?.tenant ?? tenant) !== tenant) return false;
    const replies = await redis
      .multi()
      .hdel(keys.payloadSecrets, id)
      .publish(keys.tenantChanges, tenant)
      .exec();
    return replies?.[0]?.[1] === 1;
  }

  /** Seals again the secrets that are sealed under a payload secret of the installation that is being replaced. */
  async reseal(): Promise<Resealed> {
    const { redis, keys, sealingKey } = this.#options;
    const key = keys.payloadSecrets;
    const fields = (await this.#stored()).map(({ id, text, stored }): SealedField => {
      const { tenant, sealed } = stored;
      const stores = (resealed: string) => JSON.stringify({ ...stored, sealed: resealed } satisfies Stored);
      return { key, field: id, stored: text, sealed, context: `${tenant}/${id}`, stores };
    });
    return await resealFields({ redis, keys, sealingKey, fields });
  }
}

/** Returns the stored secret, or undefined when it is damaged or has a newer version. */
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
    // The cipher gives no reason.
    return undefined;
  }
}

/** Returns the payload secret as the API shows it, without its text. */
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

import { hash as digest, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Scope, TokenView } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { newId } from '@slipway/shared/ids';
import { defineScript, type Keys, type Redis } from '@slipway/shared/redis';
import { z } from 'zod';
import { controlPlaneLua } from '../lua/index.js';
import {
  type Fields,
  noRecordFaults,
  onlyReadable,
  optionalTimeField,
  type RecordFaults,
  readPage,
  readRecord,
  schemaVersions,
  timeField,
} from '../records/index.js';

/** A token as stored in Redis, without its text. Times are milliseconds since the epoch. */
export interface TokenRecord {
  readonly id: string;
  readonly tenant: string;
  readonly description: string;
  readonly scopes: readonly Scope[];
  readonly managedBy: 'api' | 'file';
  readonly createdAt: number;
  readonly expiresAt: number | undefined;
  readonly lastUsedAt: number | undefined;
}

export type NewToken = Pick<TokenRecord, 'tenant' | 'description' | 'scopes' | 'expiresAt'>;

/** The prefix of tokens that Slipway creates, by which repository scanners find them. 256 random bits follow. */
const prefix = 'slp_';

/** Limit of tokens per tenant. */
const maxTokens = 100;

const tooMany = (tenant: string) =>
  new SlipwayError('token_limit', `Tenant ${tenant} already has ${maxTokens} tokens, which is the limit.`);

/** Returns the text of a new token. */
export const newTokenText = (): string => prefix + randomBytes(32).toString('base64url');

/** Returns the stored hash of a token. The text is random enough for a fast hash. */
export function tokenHash(text: string): string {
  return digest('sha256', text);
}

type HashedToken = NewToken & { readonly hash: string; readonly managedBy: TokenRecord['managedBy'] };

const addScript = defineScript({
  folder: controlPlaneLua,
  file: 'tenants/add-token',
  args: z.object({
    id: z.string(),
    hash: z.string(),
    tenant: z.string(),
    most: z.int().optional(),
    fields: z.array(z.string()),
  }),
});

interface TokenStoreOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** Receives records that cannot be read. */
  readonly faults?: RecordFaults | undefined;
  /** Milliseconds since the epoch, by Redis' time. The machine's unless given. */
  readonly now?: (() => number) | undefined;
}

/** The hashes and scopes of API tokens. */
export class TokenStore {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #faults: RecordFaults;
  readonly #now: () => number;

  constructor({ redis, keys, faults = noRecordFaults, now = Date.now }: TokenStoreOptions) {
    this.#now = now;
    this.#faults = faults;
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Creates a token. Its text is stored nowhere. Throws `token_limit` when the tenant has reached the limit. */
  async create(token: NewToken): Promise<{ record: TokenRecord; text: string }> {
    const text = newTokenText();
    const record = await this.#add({ ...token, hash: tokenHash(text), managedBy: 'api' }, maxTokens);
    if (record === undefined) throw tooMany(token.tenant);
    return { record, text };
  }

  /** Adds a token by its hash, without a limit. Replaces a token with the same hash. */
  async add(token: HashedToken): Promise<TokenRecord> {
    return (await this.#add(token)) as TokenRecord;
  }

  /** Returns undefined when the tenant has as many tokens as it may. */
  async #add(token: HashedToken, most?: number): Promise<TokenRecord | undefined> {
    const { hash, tenant, description, scopes, expiresAt, managedBy } = token;
    const createdAt = this.#now();
    const fields = {
      ...{ schema: schemaVersions.token, hash, tenant, description, scopes: scopes.join(' ') },
      ...{ managed_by: managedBy, created_at: createdAt, expires_at: expiresAt ?? '' },
    };
    const id = await addScript.run(
      { redis: this.#redis, keys: this.#keys },
      { id: newId('tok'), hash, tenant, most, fields: Object.entries(fields).flat().map(String) },
    );
    if (typeof id !== 'string') return undefined;
    return { id, tenant, description, scopes, managedBy, createdAt, expiresAt, lastUsedAt: undefined };
  }

  async get(id: string): Promise<TokenRecord | undefined> {
    return await this.#read(id, this.#redis.hgetall(this.#keys.token(id)));
  }

  /** Returns the token with this text, expired or not. */
  async find(text: string): Promise<TokenRecord | undefined> {
    return await this.findByHash(tokenHash(text));
  }

  async findByHash(hash: string): Promise<TokenRecord | undefined> {
    const id = await this.#redis.hget(this.#keys.tokenHashes, hash);
    if (id === null) return undefined;
    const fields = await this.#redis.hgetall(this.#keys.token(id));
    const [stored, given] = [Buffer.from(fields.hash ?? '', 'hex'), Buffer.from(hash, 'hex')];
    return stored.length === given.length && timingSafeEqual(stored, given)
      ? await this.#read(id, fields)
      : undefined;
  }

  async #read(id: string, reply: Promise<Fields> | Fields): Promise<TokenRecord | undefined> {
    return await readRecord({ kind: 'token', id, reply, parse: parseToken, faults: this.#faults });
  }

  /** Returns a tenant's tokens, the oldest first. */
  async list(
    tenant: string,
    { limit, after }: { limit: number; after?: string | undefined },
  ): Promise<TokenRecord[]> {
    const index = this.#keys.tokens(tenant);
    return await readPage({
      limit,
      after,
      ids: (from, count) =>
        this.#redis.zrangebylex(index, from === undefined ? '-' : `(${from}`, '+', 'LIMIT', 0, count),
      read: (ids) => onlyReadable(ids.map((id) => this.get(id))),
    });
  }

  /** Revokes all tokens of a tenant, also those that are added meanwhile. */
  async revokeAll(tenant: string): Promise<void> {
    for (;;) {
      const ids = await this.#redis.zrange(this.#keys.tokens(tenant), '0', '499');
      if (ids.length === 0) return;
      await Promise.all(ids.map((id) => this.#drop(id, tenant)));
    }
  }

  /** Revokes a token. Returns false when there is none. */
  async revoke(id: string): Promise<boolean> {
    const tenant = await this.#redis.hget(this.#keys.token(id), 'tenant');
    return tenant !== null && (await this.#drop(id, tenant));
  }

  async #drop(id: string, tenant: string): Promise<boolean> {
    const hash = await this.#redis.hget(this.#keys.token(id), 'hash');
    const replies = await this.#redis
      .multi()
      .del(this.#keys.token(id))
      .hdel(this.#keys.tokenHashes, hash ?? '')
      .zrem(this.#keys.tokens(tenant), id)
      .publish(this.#keys.tenantChanges, tenant)
      .exec();
    return replies?.[0]?.[1] === 1;
  }

  /** Records that a token was used now. A token that was revoked meanwhile stays removed. */
  async used(id: string): Promise<void> {
    const key = this.#keys.token(id);
    if ((await this.#redis.exists(key)) === 1) await this.#redis.hset(key, 'last_used_at', this.#now());
  }
}

function parseToken(id: string, fields: Fields): TokenRecord | undefined {
  const { tenant, scopes, description = '', managed_by, expires_at } = fields;
  if (tenant === undefined || scopes === undefined) return undefined;
  return {
    id,
    tenant,
    description,
    scopes: scopes.split(' ') as Scope[],
    managedBy: managed_by === 'file' ? 'file' : 'api',
    createdAt: timeField(fields, 'created_at'),
    expiresAt: expires_at === '' ? undefined : optionalTimeField(fields, 'expires_at'),
    lastUsedAt: optionalTimeField(fields, 'last_used_at'),
  };
}

const iso = (ms: number) => new Date(ms).toISOString();

/** Returns the token as the API shows it. */
export function toToken(record: TokenRecord): TokenView {
  const { id, tenant, description, scopes, managedBy, createdAt, expiresAt, lastUsedAt } = record;
  return {
    id,
    tenant,
    description,
    scopes: [...scopes],
    managed_by: managedBy,
    created_at: iso(createdAt),
    ...(expiresAt !== undefined && { expires_at: iso(expiresAt) }),
    ...(lastUsedAt !== undefined && { last_used_at: iso(lastUsedAt) }),
  };
}

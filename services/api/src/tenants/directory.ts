import { timingSafeEqual } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { onlyReadable } from '@slipway/control-plane/records';
import {
  type PayloadSecretStore,
  type TenantStore,
  type TokenRecord,
  type TokenStore,
  tokenHash,
} from '@slipway/control-plane/tenants';
import type { PayloadSecrets, Secret } from '@slipway/shared/config';
import { defaultTenantName, type Scope } from '@slipway/shared/contracts';
import { type Component, untilAborted } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import type { Keys, Redis } from '@slipway/shared/redis';
import { LRUCache } from 'lru-cache';
import { type Account, toAccount } from './account.js';

/** The sender of a request. */
export interface Principal {
  readonly account: Account;
  readonly scopes: readonly Scope[];
  /** The id of the token; `API_TOKEN` for the installation token. */
  readonly token: string;
}

/** A secret for signing payloads of `POST /build`, and the tenant of their jobs. */
export interface PayloadSigner {
  readonly account: Account;
  readonly secret: Secret;
}

interface DirectoryOptions {
  readonly tenants: TenantStore;
  readonly tokens: TokenStore;
  /** Returns Redis' time in milliseconds. */
  readonly now: () => number;
  readonly payloadSecrets: PayloadSecretStore;
  /** The installation token, which has every scope. */
  readonly apiToken: Secret;
  /** Payload secrets of the installation: they sign for the default tenant. */
  readonly installation: PayloadSecrets;
  /** Default quota of Redis bytes per tenant. */
  readonly tenantStoredBytes: number;
  /** A separate connection for subscriptions. */
  readonly subscriber: Redis;
  readonly keys: Keys;
  readonly logger: Logger;
}

/** Id of the installation token. */
export const apiTokenId = 'API_TOKEN';
/** Stands in for a token when a payload was signed. */
export const payloadSecretId = 'payload_secret';

/** Milliseconds for which lookups are cached if no change is reported. */
const believedMs = 5_000;
/** Milliseconds between two recorded uses of a token. */
const notedEveryMs = 60_000;
const retryMs = 1_000;

/** Caches tokens, tenants and payload secrets: each is looked up once, and again after a change is reported. */
export class Directory implements Component {
  readonly name = 'directory';
  readonly #options: DirectoryOptions;
  readonly #apiTokenHash: Buffer;
  readonly #tokens = new LRUCache<string, TokenRecord>({ max: 10_000, ttl: believedMs });
  /** A separate cache, so that wrong tokens evict no right ones. */
  readonly #unknownTokens = new LRUCache<string, true>({ max: 10_000, ttl: believedMs });
  /** Accounts by tenant, missing ones included. */
  readonly #accounts = new LRUCache<string, { readonly found: Account | undefined }>({
    ...{ max: 10_000, ttl: believedMs },
  });
  readonly #noted = new LRUCache<string, true>({ max: 10_000, ttl: notedEveryMs });
  /** Number of reported changes. A lookup that began before a change is not cached after it. */
  #changes = 0;
  readonly #listeners = new Set<() => void>();
  #signers: { readonly list: readonly PayloadSigner[]; readonly until: number } | undefined;

  constructor(options: DirectoryOptions) {
    this.#options = options;
    this.#apiTokenHash = Buffer.from(tokenHash(options.apiToken.reveal()));
  }

  /** Returns the principal of a token; undefined if the token is unknown or expired, or its tenant was removed. */
  async principal(text: string): Promise<Principal | undefined> {
    const hash = tokenHash(text);
    if (timingSafeEqual(Buffer.from(hash), this.#apiTokenHash)) {
      const account = await this.account(defaultTenantName);
      return account && { account, scopes: ['admin'], token: apiTokenId };
    }
    const { tokens } = this.#options;
    const record = await this.#token(hash, () => tokens.find(text));
    if (!record || (record.expiresAt !== undefined && record.expiresAt <= this.#options.now()))
      return undefined;
    const account = await this.account(record.tenant);
    if (!account) return undefined;
    this.#note(record.id);
    return { account, scopes: record.scopes, token: record.id };
  }

  async #token(hash: string, look: () => Promise<TokenRecord | undefined>): Promise<TokenRecord | undefined> {
    if (this.#unknownTokens.has(hash)) return undefined;
    const held = this.#tokens.get(hash);
    if (held) return held;
    const before = this.#changes;
    const found = await look();
    if (before !== this.#changes) return found;
    if (found) this.#tokens.set(hash, found);
    else this.#unknownTokens.set(hash, true);
    return found;
  }

  async account(name: string): Promise<Account | undefined> {
    const held = this.#accounts.get(name);
    if (held) return held.found;
    const before = this.#changes;
    const record = await this.#options.tenants.get(name);
    const found = record && toAccount(record, this.#options.tenantStoredBytes);
    if (before === this.#changes) this.#accounts.set(name, { found });
    return found;
  }

  /** Returns all signers of payloads. */
  async signers(): Promise<readonly PayloadSigner[]> {
    if (this.#signers && this.#signers.until > performance.now()) return this.#signers.list;
    const { payloadSecrets, installation, tenants, tenantStoredBytes, logger } = this.#options;
    const before = this.#changes;
    const { payloadSecret, previousPayloadSecrets } = installation;
    const own = [payloadSecret, ...previousPayloadSecrets];
    const owned = [
      ...own.map((secret) => ({ tenant: defaultTenantName, secret })),
      ...(await payloadSecrets.list()),
    ];
    const list = await Promise.all(
      owned.map(async ({ tenant, secret }) => {
        const [record] = await onlyReadable([tenants.get(tenant)]);
        if (!secret)
          logger.error(
            { tenant },
            'a payload secret was sealed with another PAYLOAD_SECRET, and cannot be used',
          );
        return record && secret ? [{ account: toAccount(record, tenantStoredBytes), secret }] : [];
      }),
    );
    const signers = { list: list.flat(), until: performance.now() + believedMs };
    if (before === this.#changes) this.#signers = signers;
    return signers.list;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { subscriber, keys, tenantStoredBytes, logger } = this.#options;
    // Messages are lost while the connection is down.
    subscriber.on('message', () => this.forget()).on('ready', () => this.forget());
    while (!signal.aborted) {
      try {
        await untilAborted(subscriber.set(keys.tenantStoredBytes, tenantStoredBytes), signal);
        await untilAborted(subscriber.subscribe(keys.tenantChanges), signal);
        break;
      } catch (error) {
        if (signal.aborted) return;
        logger.warn({ err: error }, 'cannot subscribe to changes of tenants: they take effect late');
        await sleep(retryMs, undefined, { signal }).catch(() => undefined);
      }
    }
    if (signal.aborted) return;
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  }

  /** Clears the cache. */
  forget(): void {
    this.#changes++;
    this.#tokens.clear();
    this.#unknownTokens.clear();
    this.#accounts.clear();
    this.#signers = undefined;
    for (const listener of this.#listeners) listener();
  }

  /** Calls `listener` after each possible change, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #note(id: string): void {
    if (this.#noted.has(id)) return;
    this.#noted.set(id, true);
    this.#options.tokens.used(id).catch((error: unknown) => {
      this.#noted.delete(id);
      this.#options.logger.warn({ err: error, token: id }, 'the use of a token was not recorded');
    });
  }
}

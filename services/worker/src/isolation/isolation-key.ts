import { createHmac, randomBytes } from 'node:crypto';
import {
  cacheNamespaceArg,
  defaultTenantName,
  sandboxHostnameArg,
  withoutWorkerArguments,
} from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import type { Logger } from '@slipway/shared/logger';
import type { Keys, Redis } from '@slipway/shared/redis';
import { type Resealed, resealFields, type SealingKey, seal, unseal } from '@slipway/shared/signing';

interface IsolationKeyOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** The stored key is sealed with it. */
  readonly sealingKey: SealingKey;
  readonly logger: Pick<Logger, 'error' | 'info'>;
}

/** The field of the hash `keys.isolation`, and the context of its seal. */
const field = 'key';
const context = 'isolation key';
const keyBytes = 32;
/** Hexadecimal digits. A host name may have 63 characters. */
const hostnameDigits = 32;

/**
 * The key that separates tenants on a shared BuildKit daemon. The first worker creates it. Redis stores it, sealed with a key that is
 * derived from `PAYLOAD_SECRET`. It never changes, so that layers stay usable after that secret is replaced.
 */
export class IsolationKey {
  readonly #options: IsolationKeyOptions;
  #key: Buffer | undefined;
  #isReported = false;

  constructor(options: IsolationKeyOptions) {
    this.#options = options;
  }

  /**
   * Returns the build arguments of a tenant's job: those of the job, and those that separate its layers and cache mounts from those of
   * other tenants. The host name of steps is in BuildKit's cache key of each `RUN`, so that a keyed hash of the tenant there separates layers.
   * Throws `isolation_key_unreadable` as `check` does.
   */
  async argumentsOf(
    tenant: string,
    given: Readonly<Record<string, string>>,
  ): Promise<Record<string, string>> {
    const key = await this.#read();
    const hostname = createHmac('sha256', key).update(tenant).digest('hex').slice(0, hostnameDigits);
    return {
      ...withoutWorkerArguments(given),
      // BuildKit puts the namespace and a slash before each id. `default` has the empty namespace, which is no tenant's name.
      ...(tenant !== defaultTenantName && { [cacheNamespaceArg]: tenant }),
      [sandboxHostnameArg]: hostname,
    };
  }

  /** Throws `isolation_key_unreadable` when no payload secret of this worker opens the stored key. */
  async check(): Promise<void> {
    await this.#read();
  }

  /** Seals the stored key again when a previous payload secret has sealed it. */
  async reseal(): Promise<Resealed> {
    const { redis, keys, sealingKey } = this.#options;
    const key = keys.isolation;
    const stored = await redis.hget(key, field);
    if (stored === null) return { resealed: 0, unreadable: 0 };
    const stores = (sealed: string) => sealed;
    return await resealFields({
      redis,
      keys,
      sealingKey,
      fields: [{ key, field, stored, sealed: stored, context, stores }],
    });
  }

  async #read(): Promise<Buffer> {
    if (this.#key) return this.#key;
    const { logger, keys } = this.#options;
    const sealed = await this.#stored();
    try {
      this.#key = Buffer.from(unseal(this.#options.sealingKey, sealed, context), 'base64');
    } catch (cause) {
      const detail = `The isolation key in ${keys.isolation} was sealed with another PAYLOAD_SECRET than this worker has.`;
      const error = new SlipwayError('isolation_key_unreadable', detail, { cause });
      if (!this.#isReported) logger.error({ err: error }, 'no job is built: the isolation key is unreadable');
      this.#isReported = true;
      throw error;
    }
    if (this.#isReported) logger.info({}, 'the isolation key is readable again');
    this.#isReported = false;
    return this.#key;
  }

  /** Returns the stored key. Creates it if there is none; of several workers that do so at once, Redis takes the first key. */
  async #stored(): Promise<string> {
    const { redis, keys, sealingKey } = this.#options;
    const found = await redis.hget(keys.isolation, field);
    if (found !== null) return found;
    const made = seal(sealingKey, randomBytes(keyBytes).toString('base64'), context);
    const isFirst = (await redis.hsetnx(keys.isolation, field, made)) === 1;
    return isFirst ? made : await this.#stored();
  }
}

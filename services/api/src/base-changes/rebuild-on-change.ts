import { setTimeout as sleep } from 'node:timers/promises';
import { readBaseStates } from '@slipway/control-plane/functions';
import type { TenantStore } from '@slipway/control-plane/tenants';
import { type BaseImageChanges, rebuildRequestSchema } from '@slipway/shared/contracts';
import { codeOf, SlipwayError } from '@slipway/shared/errors';
import type { Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import type { Keys, Redis } from '@slipway/shared/redis';
import { newSeed, ReservedIds } from '../idempotency/ids.js';
import { type RebuildDeps, rebuild } from '../rebuilds/rebuild.js';
import type { Account } from '../tenants/account.js';
import type { Directory } from '../tenants/directory.js';

/** Milliseconds between two looks at the base images. One API process looks at a time. */
const everyMs = 10_000;
/** Milliseconds until a campaign that could not begin is tried again. */
const retryMs = 60_000;
/** Milliseconds for which the handled changes of a tenant are kept after the last one. */
const keptMs = 90 * 24 * 3_600_000;
const page = 200;
const usualWaves = { canary: 5, size: '25%' };

interface RebuildOnChangeOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly deps: RebuildDeps;
  readonly tenants: Pick<TenantStore, 'list'>;
  readonly directory: Pick<Directory, 'account'>;
  readonly logger: Logger;
}

interface Change {
  /** In canonical spelling. */
  readonly reference: string;
  /** The digest that the registry has now. */
  readonly digest: string;
}

interface Handled {
  readonly digest: string;
  /** The ids of the campaign are derived from it, so a repeated try continues the campaign of the first one. */
  readonly seed: string;
  /** Milliseconds since the epoch; undefined when nothing is left to do. */
  readonly tryAt: number | undefined;
}

/**
 * Starts a campaign for each changed base image, for tenants with `base_image_changes`. What was done is stored for each tenant and base image, so no
 * change is lost when an API ends, and none is built twice when two APIs look at once.
 */
export class RebuildOnChange implements Component {
  readonly name = 'rebuilds of changed base images';
  readonly #options: RebuildOnChangeOptions;

  constructor(options: RebuildOnChangeOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { redis, keys, deps, logger } = this.#options;
    while (!signal.aborted) {
      try {
        if (await redis.set(keys.basesRebuilder, String(deps.now()), 'PX', everyMs - 500, 'NX'))
          await this.#look(signal);
      } catch (error) {
        logger.warn({ err: error }, 'changed base images are looked at later');
      }
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const changes = await this.#changes();
    if (changes.length === 0) return;
    const { tenants, directory } = this.#options;
    let after: string | undefined;
    do {
      const records = await tenants.list({ limit: page, after });
      for (const { name, settings } of records) {
        if (settings.base_image_changes?.action !== 'rebuild') continue;
        const account = await directory.account(name);
        if (account) await this.#rebuildFor(account, settings.base_image_changes, changes, signal);
      }
      after = records.length < page ? undefined : records.at(-1)?.name;
    } while (after !== undefined && !signal.aborted);
  }

  async #changes(): Promise<Change[]> {
    const { redis, keys } = this.#options;
    const references = await redis.hkeys(keys.basesWatched);
    const states = await readBaseStates({ redis, keys }, references);
    return references.flatMap((reference, at) => {
      const { digest, changedAt } = states[at] ?? {};
      return digest === undefined || changedAt === undefined ? [] : [{ reference, digest }];
    });
  }

  async #rebuildFor(
    account: Account,
    policy: BaseImageChanges,
    changes: readonly Change[],
    signal: AbortSignal,
  ): Promise<void> {
    const { redis, keys, deps } = this.#options;
    const texts = await redis.hgetall(keys.basesRebuilt(account.name));
    for (const change of changes) {
      if (signal.aborted) return;
      const found = parseHandled(texts[change.reference]);
      const handled = found?.digest === change.digest ? found : undefined;
      if (handled && (handled.tryAt === undefined || handled.tryAt > deps.now())) continue;
      await this.#rebuild({ account, policy, change, handled });
    }
  }

  async #rebuild({ account, policy, change, handled }: Wanted): Promise<void> {
    const { deps, logger } = this.#options;
    const { reference, digest } = change;
    const about = { tenant: account.name, base_image: reference, digest };
    let seed = handled?.seed ?? newSeed();
    const store = (tryAt: number | undefined) =>
      this.#store(account.name, reference, { digest, seed, tryAt });
    await store(deps.now());
    const ids = new ReservedIds({
      ...{ seed, used: handled !== undefined },
      renew: async () => {
        seed = newSeed();
        await store(deps.now());
        return seed;
      },
    });
    const { waves = usualWaves, max_failures } = policy;
    const request = rebuildRequestSchema.parse({
      ...{ select: { base_image: reference, behind: true }, waves, max_failures },
    });
    try {
      const { campaign } = await rebuild(request, account, deps, ids);
      logger.info(
        { ...about, campaign_id: campaign?.id, functions: campaign?.total },
        'a campaign follows a base image',
      );
    } catch (error) {
      if (!(error instanceof SlipwayError)) throw error;
      // Such as a base image whose functions other tenants own, or were built again already.
      if (codeOf(error) !== 'nothing_selected') {
        logger.warn(
          { ...about, code: error.code, detail: error.message },
          'functions do not follow their base image yet',
        );
        return await store(deps.now() + retryMs);
      }
    }
    await store(undefined);
  }

  async #store(tenant: string, reference: string, { digest, seed, tryAt }: Handled): Promise<void> {
    const { redis, keys } = this.#options;
    const key = keys.basesRebuilt(tenant);
    await redis
      .multi()
      .hset(key, reference, [digest, seed, tryAt ?? ''].join(' ').trim())
      .pexpire(key, keptMs)
      .exec();
  }
}

interface Wanted {
  readonly account: Account;
  readonly policy: BaseImageChanges;
  readonly change: Change;
  /** An earlier try. */
  readonly handled: Handled | undefined;
}

/** Parses `<digest> <seed> [<time of the next try>]`. */
function parseHandled(text: string | undefined): Handled | undefined {
  const [, digest = '', seed = '', tryAt] = /^(\S+) (\S+)(?: (\d+))?$/.exec(text ?? '') ?? [];
  return seed === '' ? undefined : { digest, seed, tryAt: tryAt === undefined ? undefined : Number(tryAt) };
}

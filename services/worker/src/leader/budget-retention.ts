import type { JobStore } from '@slipway/control-plane/jobs';
import { onlyReadable } from '@slipway/control-plane/records';
import type { DeliveryStore } from '@slipway/control-plane/webhooks';
import { defaultTenantName } from '@slipway/shared/contracts';
import type { Logger } from '@slipway/shared/logger';
import type { Keys, Redis } from '@slipway/shared/redis';
import type { LeaderTask } from './leader.js';
import { type RemoveDeps, removeWithLogs } from './retention.js';

interface BudgetRetentionOptions extends RemoveDeps {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly store: Pick<JobStore, 'getOutline' | 'remove' | 'oldestOf'>;
  readonly deliveries: Pick<DeliveryStore, 'pruneOf'>;
  readonly logger: Logger;
}

/** History is removed while a tenant has more than this share of its bytes, so that it can go on submitting. */
const keptShare = 0.8;
/** Milliseconds that an ended budget stays readable. */
const keptMs = 3600 * 1_000;
const removedAtOnce = 200;
/** Pages of ids that one call looks at for one tenant: the oldest may wait still. */
const mostPages = 20;
const maxTenants = 1_000;

/** Removes the oldest history of tenants that are near their limit of bytes in Redis: deliveries that have ended, then jobs; some a call. */
export class BudgetRetention implements LeaderTask {
  readonly name = 'budget retention';
  readonly usesStore = true;
  readonly everyMs = 2_000;
  readonly #options: BudgetRetentionOptions;

  constructor(options: BudgetRetentionOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { redis, keys, deliveries, logger } = this.#options;
    const named = await redis.zrange(keys.tenants, '0', String(maxTenants - 1));
    for (const tenant of new Set([defaultTenantName, ...named])) {
      if (signal.aborted) return;
      if (!(await this.#isNearLimit(tenant))) continue;
      const messages = await deliveries.pruneOf(tenant, { keptMs, most: removedAtOnce });
      const jobs = (await this.#isNearLimit(tenant)) ? await this.#removeJobs(tenant) : 0;
      if (messages + jobs > 0) {
        logger.info(
          { tenant, deliveries: messages, jobs },
          'removed history of a tenant near its limit of bytes',
        );
      }
    }
  }

  async #isNearLimit(tenant: string): Promise<boolean> {
    const { redis, keys } = this.#options;
    const [bytes, limit] = await redis.hmget(keys.stored(tenant), 'bytes', 'limit');
    return typeof limit === 'string' && Number(bytes ?? 0) > Number(limit) * keptShare;
  }

  async #removeJobs(tenant: string): Promise<number> {
    const { redis, store } = this.#options;
    const [seconds] = await redis.time();
    const endedBefore = Number(seconds) * 1_000 - keptMs;
    let [removed, after]: [number, string | undefined] = [0, undefined];
    for (let page = 0; page < mostPages && removed < removedAtOnce; page++) {
      const ids: string[] = await store.oldestOf(tenant, removedAtOnce, after);
      const records = await onlyReadable(ids.map((id) => store.getOutline(id)));
      const old = records.filter(({ finishedAt = Number.POSITIVE_INFINITY }) => finishedAt < endedBefore);
      removed += await removeWithLogs(old, endedBefore, this.#options);
      if (ids.length < removedAtOnce) break;
      after = ids.at(-1);
    }
    return removed;
  }
}

import { setTimeout as sleep } from 'node:timers/promises';
import { type JobRecord, JobStore } from '@slipway/control-plane/jobs';
import { type JobState, terminalStates } from '@slipway/shared/contracts';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Keys, type Redis, redisKeys } from '@slipway/shared/redis';

/** The job records of an installation, read from Redis directly so that watching costs little. */
export interface Records {
  readonly store: JobStore;
  readonly redis: Redis;
  readonly keys: Keys;
  count(states: readonly JobState[]): Promise<number>;
  /** Resolves when `count` jobs have ended. Rejects when no job ended for a minute. */
  ended(count: number): Promise<void>;
  get(ids: readonly string[]): Promise<JobRecord[]>;
  close(): Promise<void>;
}

const pollMs = 10;
const patienceMs = 60_000;

export function openRecords(options: { readonly redisUrl: string; readonly redisPrefix: string }): Records {
  const logger = createLogger({ name: 'bench', level: 'warn' });
  const cleanups = new Cleanups();
  const keys = redisKeys(options.redisPrefix);
  const redis = connectRedis({ url: options.redisUrl, name: 'bench', logger, cleanups, mode: 'patient' });
  const store = new JobStore({ redis, keys });
  const count = async (states: readonly JobState[]) => {
    const counts = await Promise.all(states.map((state) => store.count(state)));
    return counts.reduce((sum, each) => sum + each, 0);
  };
  return {
    store,
    redis,
    keys,
    count,
    async ended(wanted) {
      let last = -1;
      let changedAt = performance.now();
      for (;;) {
        const ended = await count(terminalStates);
        if (ended >= wanted) return;
        if (ended !== last) changedAt = performance.now();
        last = ended;
        if (performance.now() - changedAt > patienceMs) {
          throw new Error(`${ended} of ${wanted} jobs ended, and none for a minute`);
        }
        await sleep(pollMs);
      }
    },
    async get(ids) {
      const records = await Promise.all(ids.map((id) => store.get(id)));
      return records.filter((record) => record !== undefined);
    },
    close: () => cleanups.run(logger),
  };
}

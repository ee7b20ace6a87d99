import { setTimeout as sleep } from 'node:timers/promises';
import { startRedis } from '@slipway/local';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis } from '@slipway/shared/redis';
import { startFleet } from '@slipway/simulator';
import { openRecords } from '../fleets/records.js';
import { interleaved } from '../measure.js';
import type { Scenario } from '../scenario.js';

const jobs = 1_000;
const rounds = 9;
const warmUps = 3;
/** Builds outlast the bench. Accepted jobs stay in the queue, and no build competes with the measurement for the processor. */
const durations = { meanMs: 600_000, sigma: 0 };

export const replicated: Scenario = {
  name: 'replicated',
  about: 'submissions to an API with REDIS_WAIT_REPLICAS=1, against an API without it',

  async run({ note }) {
    const fleet = await startFleet({
      ...{ replicas: [{ slots: 4 }], durations, workers: 1, apis: 2 },
      envOf: (name) => ({ REDIS_WAIT_REPLICAS: name === 'api 2' ? '1' : '0' }),
    });
    const records = openRecords(fleet);
    const follower = await startRedis({ users: fleet.redisUsers });
    const cleanups = new Cleanups();
    const logger = createLogger({ name: 'bench', level: 'silent' });
    const replica = connectRedis({ url: follower.url, name: 'replica', logger, cleanups, mode: 'request' });
    let submitted = 0;
    /** Submits jobs over a number of connections, and waits until BullMQ has all of them. */
    const submit = async (api: number, count: number, connections: number) => {
      let left = count;
      const one = async () => {
        while (left-- > 0) {
          const image = `registry.test/bench/function-${++submitted}:1`;
          const json = { image, source: { digest: fleet.source } };
          const answer = await fleet.calls.call('/v1/jobs', { method: 'POST', json, api });
          if (answer.status !== 202) throw new Error(`a job was answered with ${answer.status}`);
        }
      };
      await Promise.all(Array.from({ length: connections }, one));
      while ((await records.redis.zcard(records.keys.undispatched)) > 0) await sleep(5);
    };
    try {
      await replica.config('SET', 'masteruser', fleet.redisUsers.user);
      await replica.config('SET', 'masterauth', fleet.redisUsers.password);
      await replica.replicaof('127.0.0.1', Number(new URL(fleet.redisUrl).port));
      while (!(await records.redis.info('replication')).includes('state=online')) await sleep(20);
      note(`${jobs} jobs over 16 connections and ${jobs / 10} over one, ${rounds} rounds`);
      const times = await interleaved({
        contenders: {
          plain: () => submit(0, jobs, 16),
          waits: () => submit(1, jobs, 16),
          plainAlone: () => submit(0, jobs / 10, 1),
          waitsAlone: () => submit(1, jobs / 10, 1),
        },
        ...{ rounds, warmUps },
      });
      return {
        wait_ratio: times.waits / times.plain,
        alone_ratio: times.waitsAlone / times.plainAlone,
        jobs,
        wait_jobs_per_s: jobs / (times.waits / 1_000),
        plain_jobs_per_s: jobs / (times.plain / 1_000),
        wait_alone_ms: times.waitsAlone / (jobs / 10),
        plain_alone_ms: times.plainAlone / (jobs / 10),
      };
    } finally {
      await cleanups.run(logger);
      await records.close();
      await follower.stop();
      await fleet.stop();
    }
  },
};

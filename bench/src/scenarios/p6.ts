import { setTimeout as sleep } from 'node:timers/promises';
import { startFleet, submitAll } from '@slipway/simulator';
import { openRecords } from '../fleets/records.js';
import { median } from '../measure.js';
import type { BareRequests } from '../processes/bare-bullmq.js';
import { startProcess } from '../processes/forked.js';
import type { Scenario } from '../scenario.js';

const items = 1_000;
const rounds = 9;
const warmUps = 4;
/** Builds outlast the bench. Accepted jobs stay in the queue, and no build competes with the measurement for the processor. */
const durations = { meanMs: 600_000, sigma: 0 };

export const p6: Scenario = {
  name: 'P6',
  about: '1,000 jobs in one batch, until it is accepted, against bare addBulk of 1,000',

  async run({ note }) {
    const fleet = await startFleet({ replicas: [{ slots: 4 }], durations, workers: 1 });
    const records = openRecords(fleet);
    const bare = startProcess<BareRequests>('bare-bullmq');
    const image = (round: string, at: number) => `registry.test/bench/function-${at}:${round}`;
    /** Waits until all accepted jobs are dispatched, so that no measurement includes this background work. */
    const settled = async () => {
      while ((await records.redis.zcard(records.keys.undispatched)) > 0) await sleep(5);
    };
    const batch = async (round: number) => {
      const json = {
        defaults: { source: { digest: fleet.source } },
        items: Array.from({ length: items }, (_, at) => ({
          image: image(`batch-${round}`, at),
          function: `function-${at}`,
        })),
      };
      const started = performance.now();
      const answer = await fleet.calls.call('/v1/batches', { method: 'POST', json });
      const ms = performance.now() - started;
      if (answer.status !== 202) throw new Error(`the batch was answered with ${answer.status}`);
      await settled();
      return ms;
    };
    const single = async (round: number) => {
      const specs = Array.from({ length: items }, (_, at) => ({ image: image(`single-${round}`, at) }));
      const started = performance.now();
      await submitAll({ fleet, specs });
      const ms = performance.now() - started;
      await settled();
      return ms;
    };
    try {
      const times = { batch: [] as number[], bulk: [] as number[], single: [] as number[] };
      for (let round = -warmUps; round < rounds; round++) {
        note(round < 0 ? 'warming up' : `round ${round + 1} of ${rounds}`);
        const batchMs = await batch(round);
        const { ms: bulkMs } = await bare.ask('addBulk', { redisUrl: fleet.redisUrl, jobs: items });
        const singleMs = await single(round);
        if (round < 0) continue;
        times.batch.push(batchMs);
        times.bulk.push(bulkMs);
        times.single.push(singleMs);
      }
      return {
        vs_addbulk: median(times.batch) / median(times.bulk),
        items,
        batch_ms: median(times.batch),
        addbulk_ms: median(times.bulk),
        single_ms: median(times.single),
      };
    } finally {
      bare.stop();
      await records.close();
      await fleet.stop();
    }
  },
};

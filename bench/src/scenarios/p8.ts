import { startFleet } from '@slipway/simulator';
import { fill } from '../fleets/fill.js';
import { openRecords, type Records } from '../fleets/records.js';
import { median } from '../measure.js';
import type { Scenario } from '../scenario.js';

const large = 100_000;
const small = 1_000;
const warmUp = 500;
const measured = 2_000;
const slots = 16;

export const p8: Scenario = {
  name: 'P8',
  about: 'jobs a second with 100,000 in the queue, against 1,000 in the queue; bytes of Redis a queued job',

  async run({ note }) {
    const smalls: number[] = [];
    const larges: number[] = [];
    let bytesPerJob = 0;
    for (let round = 1; round <= 3; round++) {
      note(`round ${round}: ${small} behind those that are built, then ${large}`);
      smalls.push((await drain(small)).perSecond);
      const result = await drain(large);
      larges.push(result.perSecond);
      bytesPerJob = result.bytesPerJob;
    }
    return {
      rate_ratio: median(larges) / median(smalls),
      bytes_per_job: bytesPerJob,
      backlog: large,
      jobs_per_s: median(larges),
      small_jobs_per_s: median(smalls),
    };
  },
};

/** Fills a queue, and measures a worker on it while `backlog` more jobs wait behind. */
async function drain(backlog: number): Promise<{ perSecond: number; bytesPerJob: number }> {
  const fleet = await startFleet({ replicas: [{ slots }, { slots }], workers: 1 });
  const records = openRecords(fleet);
  try {
    // The jobs are enqueued before the worker starts, so that the figure excludes the time to enqueue them.
    await fleet.workers[0]?.stop();
    const before = await usedMemory(records);
    const count = warmUp + measured + backlog;
    await fill({ records, count, source: fleet.source, queued: true });
    const bytesPerJob = ((await usedMemory(records)) - before) / count;
    await fleet.workers[0]?.start();
    await records.ended(warmUp);
    const started = performance.now();
    const endedBefore = await records.count(['succeeded']);
    await records.ended(warmUp + measured);
    const ended = (await records.count(['succeeded'])) - endedBefore;
    return { perSecond: ended / ((performance.now() - started) / 1000), bytesPerJob };
  } finally {
    await records.close();
    await fleet.stop();
  }
}

async function usedMemory({ redis }: Records): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
}

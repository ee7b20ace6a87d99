import type { Batch } from '@slipway/client';
import { type Fleet, readStats, startFleet, submitAll } from '@slipway/simulator';
import { openRecords } from '../fleets/records.js';
import type { Scenario } from '../scenario.js';

const functions = 500;
const slots = 4;
const durations = { meanMs: 300, sigma: 0.6, seed: 2 };
const warmUp = 200;

export const p9: Scenario = {
  name: 'P9',
  about: '500 unchanged functions with skip_if_unchanged, against their full rebuild',

  async run({ note }) {
    const fleet = await startFleet({ replicas: [{ slots }, { slots }, { slots }], durations });
    const records = openRecords(fleet);
    const builds = async () => {
      const stats = await Promise.all(fleet.replicas.map(({ url }) => readStats(url)));
      return stats.reduce((sum, { begun }) => sum + begun, 0);
    };
    try {
      const specs = Array.from({ length: warmUp }, (_, at) => ({ image: `registry.test/warm-up/${at}:1` }));
      await submitAll({ fleet, specs });
      await records.ended(warmUp);
      note(`${functions} functions, built`);
      const before = await builds();
      const full = await rebuild(fleet, {});
      const built = (await builds()) - before;
      note('the same, unchanged');
      const unchanged = await rebuild(fleet, { skip_if_unchanged: true });
      return {
        time_ratio: unchanged.ms / full.ms,
        functions,
        lost: 2 * functions - full.succeeded - unchanged.succeeded,
        built,
        built_again: (await builds()) - before - built,
        full_ms: full.ms,
        unchanged_ms: unchanged.ms,
      };
    } finally {
      await records.close();
      await fleet.stop();
    }
  },
};

/** From POST until a client that waits sees the end. */
async function rebuild(fleet: Fleet, defaults: object) {
  const json = {
    defaults: { source: { digest: fleet.source }, ...defaults },
    items: Array.from({ length: functions }, (_, at) => ({
      image: `registry.test/bench/function-${at}:latest`,
      function: `function-${at}`,
    })),
  };
  const started = performance.now();
  const answer = await fleet.calls.call('/v1/batches', { method: 'POST', json });
  if (answer.status !== 202) throw new Error(`the batch was answered with ${answer.status}`);
  let batch = answer.body as Batch;
  while (batch.state !== 'finished') {
    batch = (await fleet.calls.call(`/v1/batches/${batch.id}?wait=60`)).body as Batch;
  }
  return { ms: performance.now() - started, succeeded: batch.counts.succeeded };
}

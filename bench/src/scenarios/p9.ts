import type { Batch } from '@slipway/client';
import { type Fleet, readStats, startFleet } from '@slipway/simulator';
import type { Scenario } from '../scenario.js';

const functions = 500;
const slots = 4;
const durations = { meanMs: 300, sigma: 0.6, seed: 2 };
/** Jobs for other images, run first: the bench measures a service that has been up for a while. */
const warmUp = { functions: 200, unchanged: 5 };

export const p9: Scenario = {
  name: 'P9',
  about: '500 unchanged functions with skip_if_unchanged, against their full rebuild',

  async run({ note }) {
    const fleet = await startFleet({ replicas: [{ slots }, { slots }, { slots }], durations });
    const builds = async () => {
      const stats = await Promise.all(fleet.replicas.map(({ url }) => readStats(url)));
      return stats.reduce((sum, { begun }) => sum + begun, 0);
    };
    try {
      note('warming up');
      await rebuild({ fleet, name: 'warm-up', count: warmUp.functions });
      for (let round = 0; round < warmUp.unchanged; round++) {
        await rebuild({ fleet, name: 'warm-up', count: warmUp.functions, skip: true });
      }
      note(`${functions} functions, built`);
      const before = await builds();
      const full = await rebuild({ fleet, name: 'bench', count: functions });
      const built = (await builds()) - before;
      note('the same, unchanged');
      const unchanged = await rebuild({ fleet, name: 'bench', count: functions, skip: true });
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
      await fleet.stop();
    }
  },
};

interface Rebuild {
  readonly fleet: Fleet;
  readonly name: string;
  readonly count: number;
  readonly skip?: boolean;
}

/** Runs a batch. Returns the milliseconds from POST until a waiting client sees its end, and the number of successes. */
async function rebuild({ fleet, name, count, skip = false }: Rebuild) {
  const json = {
    defaults: { source: { digest: fleet.source }, skip_if_unchanged: skip },
    items: Array.from({ length: count }, (_, at) => ({
      image: `registry.test/${name}/function-${at}:latest`,
      function: `${name}-${at}`,
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

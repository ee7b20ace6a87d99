import { startFleet, submitAll } from '@slipway/simulator';
import { percentile } from '../measure.js';
import type { BareRequests } from '../processes/bare-bullmq.js';
import { startProcess } from '../processes/forked.js';
import type { Scenario } from '../scenario.js';

const rounds = 300;
const warmUps = 60;

export const p3: Scenario = {
  name: 'P3',
  about: 'one job alone, from POST to its end as a waiting client sees it, against bare BullMQ',

  async run({ note }) {
    const fleet = await startFleet({ replicas: [{ slots: 4 }, { slots: 4 }], workers: 1 });
    const bare = startProcess<BareRequests>('bare-bullmq');
    try {
      const roundTrip = async (round: number) => {
        const started = performance.now();
        const [job] = await submitAll({
          fleet,
          specs: [{ image: `registry.test/bench/function-${round}:1` }],
        });
        const answer = await fleet.calls.call(`/v1/jobs/${job?.id}?wait=30`);
        const ms = performance.now() - started;
        const { state } = answer.body as { state: string };
        if (state !== 'succeeded') throw new Error(`a job ended as ${state}`);
        return ms;
      };
      const bareTimes = async (count: number) =>
        (await bare.ask('roundTrips', { redisUrl: fleet.redisUrl, rounds: count })).timesMs;
      note('warming up');
      for (let round = 0; round < warmUps; round++) await roundTrip(round);
      await bareTimes(warmUps);
      note(`${rounds} rounds of each, a tenth at a time in turn`);
      const slipway: number[] = [];
      const bullmq: number[] = [];
      for (let at = 0; at < rounds; at += rounds / 10) {
        for (let round = 0; round < rounds / 10; round++) slipway.push(await roundTrip(warmUps + at + round));
        bullmq.push(...(await bareTimes(rounds / 10)));
      }
      return {
        p50_vs_bullmq: percentile(slipway, 0.5) / percentile(bullmq, 0.5),
        p99_ms: percentile(slipway, 0.99),
        jobs: rounds,
        p50_ms: percentile(slipway, 0.5),
        bullmq_p50_ms: percentile(bullmq, 0.5),
        bullmq_p99_ms: percentile(bullmq, 0.99),
      };
    } finally {
      bare.stop();
      await fleet.stop();
    }
  },
};

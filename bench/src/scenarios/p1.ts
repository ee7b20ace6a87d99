import {
  buildDuration,
  type Fleet,
  type ReplicaOptions,
  readStats,
  resetStats,
  startFleet,
  submitAll,
} from '@slipway/simulator';
import { inOrder, lowerBound, makespan } from '../fleets/makespan.js';
import { openRecords, type Records } from '../fleets/records.js';
import type { BareRequests } from '../processes/bare-bullmq.js';
import { startProcess } from '../processes/forked.js';
import type { Figures, Scenario } from '../scenario.js';

const jobs = 500;
const slots = 4;
/** A draw with little idle time at the end when builds begin in the order of their submission. */
const durations = { meanMs: 300, sigma: 0.6, seed: 2 };
/** Jobs for other images, run first: the bench measures a service that has been up for a while. */
const warmUp = 200;
const slowFactor = 3;
const image = (at: number) => `registry.test/bench/function-${at}:latest`;

const plain: ReplicaOptions = { slots };
const variants = {
  '': { about: '', replicas: [plain, plain, plain] },
  '-slow': {
    about: ', one replica three times as slow',
    replicas: [plain, plain, { slots, faults: [{ fault: 'slow', factor: slowFactor }] }],
  },
  '-flaky': {
    about: ', one replica that answers 429 at random',
    replicas: [plain, plain, { slots, faults: [{ fault: 'busy', probability: 0.2 }] }],
  },
  '-unlimited': {
    about: ', replicas that do not announce their limits',
    replicas: [1, 2, 3].map(() => ({ slots, announced: false })),
  },
} as const satisfies Record<string, { about: string; replicas: readonly ReplicaOptions[] }>;

/** The makespan of a bulk rebuild against the bound that no placement can beat. */
export const p1: readonly Scenario[] = Object.entries(variants).map(([suffix, { about, replicas }]) => ({
  name: `P1${suffix}`,
  about: `500 builds on 3 replicas x 4 slots, twice, against max(work / slots, longest build)${about}`,

  async run({ note }) {
    const fleet = await startFleet({ replicas, durations });
    const records = openRecords(fleet);
    const bare = startProcess<BareRequests>('bare-bullmq');
    try {
      const factors = replicas.map(({ faults }: ReplicaOptions) =>
        faults?.some(({ fault }) => fault === 'slow') ? slowFactor : 1,
      );
      const specs = Array.from({ length: warmUp }, (_, at) => ({ image: `registry.test/warm-up/${at}:1` }));
      await submitAll({ fleet, specs });
      await records.ended(warmUp);
      note('first run: nothing is known of the builds');
      const first = await rebuild({ fleet, records, factors, endedBefore: warmUp });
      note('second run: their durations are');
      const second = await rebuild({ fleet, records, factors, endedBefore: warmUp + jobs });
      const durationsMs = Array.from({ length: jobs }, (_, at) => buildDuration(image(at), durations));
      note('bare BullMQ with a global concurrency, the same sleeps');
      const peer = await bare.ask('sleeps', {
        redisUrl: fleet.redisUrl,
        durationsMs,
        concurrency: slots * replicas.length,
      });
      const peerBound = Math.max(peer.sleptMs / (slots * replicas.length), peer.longestMs);
      return {
        makespan_ratio: first.makespan_ms / first.bound_ms,
        second_ratio: second.makespan_ms / second.bound_ms,
        jobs,
        lost: first.lost + second.lost,
        busy_429: first.busy,
        second_busy_429: second.busy,
        over_limit: first.over + second.over,
        in_order_ratio:
          inOrder(
            durationsMs,
            factors.map((factor) => ({ slots, factor })),
          ) / first.bound_ms,
        bare_bullmq_ratio: peer.makespanMs / peerBound,
        makespan_ms: first.makespan_ms,
        bound_ms: first.bound_ms,
        second_ms: second.makespan_ms,
        second_bound_ms: second.bound_ms,
      } satisfies Figures;
    } finally {
      bare.stop();
      await records.close();
      await fleet.stop();
    }
  },
}));

interface Rebuild {
  readonly fleet: Fleet;
  readonly records: Records;
  readonly factors: readonly number[];
  readonly endedBefore: number;
}

async function rebuild({ fleet, records, factors, endedBefore }: Rebuild) {
  await Promise.all(fleet.replicas.map(({ url }) => resetStats(url)));
  const specs = Array.from({ length: jobs }, (_, at) => ({ image: image(at), function: `function-${at}` }));
  const accepted = await submitAll({ fleet, specs });
  await records.ended(endedBefore + jobs);
  const ended = await records.get(accepted.map(({ id }) => id));
  const replicas = await Promise.all(
    fleet.replicas.map(async ({ url }, at) => ({
      slots,
      factor: factors[at] ?? 1,
      stats: await readStats(url),
    })),
  );
  const sum = (count: (stats: (typeof replicas)[number]['stats']) => number) =>
    replicas.reduce((total, { stats }) => total + count(stats), 0);
  return {
    makespan_ms: makespan(ended),
    bound_ms: lowerBound(replicas),
    lost: jobs - ended.filter(({ state }) => state === 'succeeded').length,
    busy: sum(({ busy }) => busy),
    over: sum(({ max_concurrency: most, limit }) => Math.max(0, most - limit)),
  };
}

import { setTimeout as sleep } from 'node:timers/promises';
import { terminalStates } from '@slipway/shared/contracts';
import { type Fleet, startFleet } from '@slipway/simulator';
import { cpuMs } from '../fleets/cpu.js';
import { openRecords, type Records } from '../fleets/records.js';
import { startProcess } from '../processes/forked.js';
import type { ReplicasRequests } from '../processes/replicas.js';
import type { Figures, Scenario } from '../scenario.js';

const jobs = 4_000;
const buildMs = 5_000;
/** Slots of all replicas together, so that each job gets one at once. */
const slots = 4_000;
const fleets = { small: 10, large: 1_000 };
const batch = 1_000;
const warmUp = 1_000;
const busyLoops = 6;
const workers = 4;
/** A run that takes longer is cut off here, and its makespan is this. */
const longestMs = 180_000;
const pollMs = 20;

export const p13: readonly Scenario[] = [
  {
    name: 'P13',
    about: 'the cost of a job with 1,000 replicas against 10, and 4,000 jobs of 5 s on 4,000 slots',

    async run({ note }) {
      const small = await measure({ replicas: fleets.small, note });
      const large = await measure({ replicas: fleets.large, note });
      return {
        redis_ratio: large.redis / small.redis,
        worker_ratio: large.workers / small.workers,
        makespan_ratio: large.makespan / buildMs,
        built_twice: large.again,
        jobs,
        lost: small.lost + large.lost,
        over_limit: small.over + large.over,
        small_built_twice: small.again,
        small_makespan_ratio: small.makespan / buildMs,
        redis_ms_per_job: large.redis / jobs,
        worker_ms_per_job: large.workers / jobs,
        small_redis_ms_per_job: small.redis / jobs,
        small_worker_ms_per_job: small.workers / jobs,
      } satisfies Figures;
    },
  },
  {
    name: 'P13-busy',
    about: `4,000 jobs of 5 s on 1,000 replicas beside ${busyLoops} busy loops, against the same without them`,

    async run({ note }) {
      const idle = await measure({ replicas: fleets.large, note });
      const busy = await measure({ replicas: fleets.large, busyLoops, note });
      return {
        built_twice: busy.again,
        cpu_vs_idle: busy.cpu / idle.cpu,
        time_vs_idle: busy.makespan / idle.makespan,
        jobs,
        lost: idle.lost + busy.lost,
        over_limit: idle.over + busy.over,
        idle_built_twice: idle.again,
        makespan_ratio: busy.makespan / buildMs,
        idle_makespan_ratio: idle.makespan / buildMs,
      } satisfies Figures;
    },
  },
];

interface Measure {
  readonly replicas: number;
  readonly busyLoops?: number;
  readonly note: (text: string) => void;
}

/** Runs the jobs once. Times are milliseconds; those of the processor are for all jobs together. */
async function measure({ replicas: count, busyLoops = 0, note }: Measure) {
  const replicas = startProcess<ReplicasRequests>('replicas');
  const payloadSecret = 'the secret of the bench';
  const each = slots / count;
  let fleet: Fleet | undefined;
  let records: Records | undefined;
  const loops: { stop(): void }[] = [];
  try {
    const { urls } = await replicas.ask('start', { replicas: count, slots: each, payloadSecret, buildMs });
    fleet = await startFleet({
      replicas: [],
      workers,
      env: {
        api: { PAYLOAD_SECRET: payloadSecret },
        worker: {
          PAYLOAD_SECRET: payloadSecret,
          BUILDERS: urls.map((url) => `${url}#max=${each}`).join(','),
          WORKER_CONCURRENCY: String(batch),
        },
      },
    });
    records = openRecords(fleet);
    note(`${count} replicas: ${warmUp} jobs to warm up`);
    await submit(fleet, 'warm-up', warmUp);
    await records.ended(warmUp);
    for (let at = 0; at < busyLoops; at++) loops.push(startProcess('busy-loop'));
    note(`${count} replicas: ${jobs} jobs${busyLoops > 0 ? `, beside ${busyLoops} busy loops` : ''}`);
    const workerPids = fleet.workers.map(({ pid }) => pid);
    const services = [...workerPids, ...fleet.apis.map(({ pid }) => pid)];
    const before = { workers: cpuMs(workerPids), services: cpuMs(services), redis: await redisMs(records) };
    const started = performance.now();
    await submit(fleet, 'bench', jobs);
    while ((await records.count(terminalStates)) < warmUp + jobs) {
      if (performance.now() - started > longestMs) break;
      await sleep(pollMs);
    }
    const makespan = performance.now() - started;
    const redis = (await redisMs(records)) - before.redis;
    const { again, over } = await replicas.ask('counts', null);
    return {
      redis,
      workers: cpuMs(workerPids) - before.workers,
      cpu: redis + cpuMs(services) - before.services,
      makespan,
      lost: warmUp + jobs - (await records.count(['succeeded'])),
      again,
      over,
    };
  } finally {
    for (const loop of loops) loop.stop();
    await records?.close();
    await fleet?.stop();
    replicas.stop();
  }
}

/** Submits jobs in batches. */
async function submit({ calls, source }: Fleet, name: string, count: number): Promise<void> {
  for (let first = 0; first < count; first += batch) {
    const items = Array.from({ length: Math.min(batch, count - first) }, (_, at) => ({
      image: `registry.test/${name}/function-${first + at}:1`,
    }));
    const json = { defaults: { source: { digest: source } }, items };
    const answer = await calls.call('/v1/batches', { method: 'POST', json });
    if (answer.status !== 202) throw new Error(`the batch was answered with ${answer.status}`);
  }
}

/** Returns the milliseconds of processor time that Redis has used. */
async function redisMs({ redis }: Records): Promise<number> {
  const info = await redis.info('cpu');
  const seconds = [...info.matchAll(/^used_cpu_(?:sys|user):([\d.]+)/gm)].map(([, each]) => Number(each));
  return seconds.reduce((sum, each) => sum + each, 0) * 1_000;
}

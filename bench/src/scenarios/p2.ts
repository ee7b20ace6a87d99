import { readStats, startFleet, submitAll } from '@slipway/simulator';
import { cpuMs } from '../fleets/cpu.js';
import { makespan } from '../fleets/makespan.js';
import { openRecords } from '../fleets/records.js';
import type { BareRequests } from '../processes/bare-bullmq.js';
import { startProcess } from '../processes/forked.js';
import type { Scenario } from '../scenario.js';

const jobs = 2_000;
/** Jobs that let the code compile first: the bench measures a service that has been up for a while. */
const warmUp = 4_000;
const noOps = 20_000;
const slots = 16;

export const p2: Scenario = {
  name: 'P2',
  about: '2,000 jobs by builders that answer at once, against the jobs a second of bare BullMQ',

  async run({ note }) {
    const fleet = await startFleet({ replicas: [{ slots }, { slots }], workers: 2 });
    const records = openRecords(fleet);
    const bare = startProcess<BareRequests>('bare-bullmq');
    const bareRate = async () =>
      (await bare.ask('noOps', { redisUrl: fleet.redisUrl, jobs: noOps })).perSecond;
    const submit = (count: number, name: string) =>
      submitAll({
        fleet,
        specs: Array.from({ length: count }, (_, at) => ({
          image: `registry.test/${name}/function-${at}:1`,
        })),
      });
    try {
      await submit(warmUp, 'warm-up');
      await records.ended(warmUp);
      note(`bare BullMQ, ${noOps} jobs that do nothing`);
      const before = await bareRate();
      note(`${jobs} jobs through the API`);
      const pids = [fleet.redis, ...fleet.apis, ...fleet.workers].map(({ pid }) => pid);
      const parts = (names: readonly { readonly pid: number }[]) => cpuMs(names.map(({ pid }) => pid));
      const cpuBefore = { all: cpuMs(pids), redis: parts([fleet.redis]), api: parts(fleet.apis) };
      const accepted = await submit(jobs, 'bench');
      await records.ended(warmUp + jobs);
      const cpu = {
        all: cpuMs(pids) - cpuBefore.all,
        redis: parts([fleet.redis]) - cpuBefore.redis,
        api: parts(fleet.apis) - cpuBefore.api,
      };
      const ended = await records.get(accepted.map(({ id }) => id));
      const after = await bareRate();
      const bullmqPerSecond = (before + after) / 2;
      const perSecond = jobs / (makespan(ended) / 1000);
      const stats = await Promise.all(fleet.replicas.map(({ url }) => readStats(url)));
      return {
        vs_bullmq: perSecond / bullmqPerSecond,
        cpu_ms_per_job: cpu.all / jobs,
        jobs,
        lost: jobs - ended.filter(({ state }) => state === 'succeeded').length,
        busy_429: stats.reduce((sum, { busy }) => sum + busy, 0),
        jobs_per_s: perSecond,
        bullmq_jobs_per_s: bullmqPerSecond,
        redis_cpu_ms_per_job: cpu.redis / jobs,
        api_cpu_ms_per_job: cpu.api / jobs,
        worker_cpu_ms_per_job: (cpu.all - cpu.redis - cpu.api) / jobs,
      };
    } finally {
      bare.stop();
      await records.close();
      await fleet.stop();
    }
  },
};

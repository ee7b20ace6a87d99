import { type Fleet, readStats, startFleet, submitAll } from '@slipway/simulator';
import { makespan } from '../fleets/makespan.js';
import { openRecords, type Records } from '../fleets/records.js';
import type { Scenario } from '../scenario.js';

const slots = 4;
const replicas = 3;
const buildSeconds = 28;
/** Builds of each slot, one after the other. */
const rounds = 2;
const jobs = slots * replicas * rounds;
const durations = { meanMs: buildSeconds * 1_000, sigma: 0 };

export const restart: Scenario = {
  name: 'restart',
  about: `each worker, then each replica, restarted in turn while builds of ${buildSeconds} s run`,

  async run({ note }) {
    const ofWorkers = await measure('workers', note);
    const ofReplicas = await measure('replicas', note);
    return {
      makespan_ratio: ofWorkers.ratio,
      builds_per_job: ofWorkers.builds,
      attempts_per_job: ofWorkers.attempts,
      replicas_makespan_ratio: ofReplicas.ratio,
      replicas_builds_per_job: ofReplicas.builds,
      replicas_attempts_per_job: ofReplicas.attempts,
      makespan_s: ofWorkers.seconds,
      replicas_makespan_s: ofReplicas.seconds,
      longest_worker_stop_s: ofWorkers.longestStop,
      jobs,
    };
  },
};

async function measure(which: 'workers' | 'replicas', note: (text: string) => void) {
  const fleet = await startFleet({
    replicas: Array.from({ length: replicas }, () => ({ slots })),
    durations,
  });
  const records = openRecords(fleet);
  try {
    const specs = Array.from({ length: jobs }, (_, at) => ({ image: `registry.test/function-${at}:1` }));
    const submitted = await submitAll({ fleet, specs });
    await running(records, slots * replicas);
    note(`${jobs} jobs, SIGTERM to one of the ${which} after the other`);
    const begun = new Map<string, number>();
    let longestStop = 0;
    for (const member of fleet[which]) {
      if (which === 'replicas') begun.set(member.name, (await readStats(member.url)).begun);
      const asked = performance.now();
      member.kill('SIGTERM');
      const { code } = await member.ended();
      if (code !== 0) throw new Error(`${member.name} ended with ${code}`);
      longestStop = Math.max(longestStop, performance.now() - asked);
      await member.start();
    }
    await records.ended(jobs);
    const ended = await records.get(submitted.map(({ id }) => id));
    const failed = ended.filter(({ state }) => state !== 'succeeded').length;
    if (failed > 0) throw new Error(`${failed} jobs did not succeed`);
    const seconds = makespan(ended) / 1_000;
    return {
      seconds,
      ratio: seconds / (rounds * buildSeconds),
      builds: (await buildsOf(fleet, begun)) / jobs,
      attempts: ended.reduce((sum, { attempts }) => sum + attempts.length, 0) / jobs,
      longestStop: longestStop / 1_000,
    };
  } finally {
    await records.close();
    await fleet.stop();
  }
}

/** Returns the builds that all replicas began, also before their restart. */
async function buildsOf(fleet: Fleet, before: ReadonlyMap<string, number>): Promise<number> {
  const stats = await Promise.all(fleet.replicas.map(({ url }) => readStats(url)));
  return [...before.values(), ...stats.map(({ begun }) => begun)].reduce((sum, each) => sum + each, 0);
}

/** Resolves when `wanted` jobs run. */
async function running({ count }: Records, wanted: number): Promise<void> {
  while ((await count(['running'])) < wanted) await new Promise((resolve) => setTimeout(resolve, 50));
}

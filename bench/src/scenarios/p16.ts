import { setTimeout as sleep } from 'node:timers/promises';
import { type Fleet, startFleet } from '@slipway/simulator';
import { rssMb } from '../fleets/rss.js';
import { median } from '../measure.js';
import type { Scenario } from '../scenario.js';

const usualMinutes = 60;
/** The memory is compared with that after this share of the run: five minutes of an hour. */
const earlyShare = 1 / 12;
const jobsPerSecond = 10;
const functions = 500;
/** Each value is the median of the samples of this last share of its part, because the garbage collector makes single samples differ. */
const sampledShare = 1 / 60;
const samples = 30;
const durations = { meanMs: 300, sigma: 0.6 };

export const p16: Scenario = {
  name: 'P16',
  about: `memory of each process after ${usualMinutes} minutes of steady load, against that after a twelfth of the time`,

  async run({ note, minutes = usualMinutes }) {
    const fleet = await startFleet({
      replicas: [{ slots: 4 }, { slots: 4 }],
      durations,
      workers: 2,
      apis: 2,
    });
    const processes = { api: fleet.apis, worker: fleet.workers, replica: fleet.replicas };
    const totalMs = minutes * 60_000;
    const load = steadyLoad(fleet, totalMs);
    try {
      const started = performance.now();
      /** Returns the MB of each process by its kind, over the time before `atMs`. */
      const measure = async (atMs: number) => {
        await sleep(Math.max(0, started + atMs - totalMs * sampledShare - performance.now()));
        const taken = new Map<number, number[]>();
        for (let sample = 0; sample < samples; sample++) {
          for (const { pid } of Object.values(processes).flat()) {
            taken.set(pid, [...(taken.get(pid) ?? []), rssMb(pid)]);
          }
          await sleep((totalMs * sampledShare) / samples);
        }
        return Object.entries(processes).map(([kind, all]) => ({
          kind,
          mb: all.map(({ pid }) => median(taken.get(pid) ?? [])),
        }));
      };
      note(`${jobsPerSecond} jobs a second for ${minutes} minutes`);
      const early = await measure(totalMs * earlyShare);
      note(early.map(({ kind, mb }) => `${kind}: ${mb.map(Math.round).join(', ')} MB`).join('; '));
      const late = await measure(totalMs);
      const kinds = late.map(({ kind, mb }, at) => ({
        kind,
        ratio: Math.max(...mb.map((value, index) => value / (early[at]?.mb[index] ?? Number.NaN))),
        mb: Math.max(...mb),
      }));
      const { ended, failed } = await load;
      if (failed > 0) throw new Error(`${failed} of ${ended + failed} jobs did not succeed`);
      // The simulated replicas are no part of the product.
      const own = kinds.filter(({ kind }) => kind !== 'replica');
      return {
        rss_ratio: Math.max(...own.map(({ ratio }) => ratio)),
        minutes,
        jobs: ended,
        ...Object.fromEntries(kinds.map(({ kind, ratio }) => [`${kind}_ratio`, ratio])),
        ...Object.fromEntries(kinds.map(({ kind, mb }) => [`${kind}_mb`, mb])),
        redis_mb: rssMb(fleet.redis.pid),
      };
    } finally {
      await fleet.stop();
    }
  },
};

/** Submits jobs at a steady rate, waits for each, and reads its log. Resolves when the last one has ended. */
async function steadyLoad({ calls, source }: Fleet, totalMs: number) {
  let ended = 0;
  let failed = 0;
  const one = async (at: number) => {
    const json = {
      image: `registry.test/steady/function-${at % functions}:${at}`,
      function: `function-${at % functions}`,
      source: { digest: source },
      labels: { commit: `${Math.floor(at / functions)}` },
    };
    const answer = await calls.call('/v1/jobs', { method: 'POST', json, api: at });
    const { id } = answer.body as { id: string };
    const job = await calls.call(`/v1/jobs/${id}?wait=60`, { api: at + 1 });
    await calls.call(`/v1/jobs/${id}/logs`, { api: at });
    if ((job.body as { state?: string }).state === 'succeeded') ended++;
    else failed++;
  };
  const running = new Set<Promise<void>>();
  const started = performance.now();
  const count = (totalMs / 1_000) * jobsPerSecond;
  for (let at = 0; at < count; at++) {
    await sleep(Math.max(0, started + (at * 1_000) / jobsPerSecond - performance.now()));
    const job = one(at)
      .catch(() => {
        failed++;
      })
      .finally(() => running.delete(job));
    running.add(job);
  }
  await Promise.all(running);
  return { ended, failed };
}

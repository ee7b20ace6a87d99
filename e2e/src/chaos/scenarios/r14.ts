import { setTimeout as sleep } from 'node:timers/promises';
import { type Job, queueSchema } from '@slipway/shared/contracts';
import { type FaultRules, readStats, setFaults } from '@slipway/simulator';
import { type Arena, inArena } from '../arena.js';
import { submitLoad, type Wish } from '../load.js';
import type { Scenario } from '../scenario.js';
import { waitFor } from '../waiting.js';

const limitMs = 30_000;
const slots = 4;
const patienceMs = 90_000;

/** Messages of BuildKit for a failed push to a registry that may recover. */
const outages = {
  away: 'failed to push {image}: failed to do request: Head "https://registry.test/v2/x": dial tcp 10.0.0.1:443: connect: connection refused',
  answers_503:
    'failed to push {image}: unexpected status from PUT request to https://registry.test/v2/x: 503 Service Unavailable',
  answers_429: 'failed to push {image}: toomanyrequests: retry-after: 2s, allowed: 44000/minute',
} as const;

/** Messages of BuildKit for a push that only the user can correct, by error code. */
const refusals = {
  push_unauthorized:
    'failed to push {image}: unexpected status from HEAD request to https://strict.test/v2/x: 401 Unauthorized',
  push_repository_missing: 'failed to push {image}: name unknown: repository not found',
  push_tag_immutable: 'failed to push {image}: tag invalid: the tag is immutable',
  push_too_large:
    'failed to push {image}: unexpected status from PUT request to https://strict.test/v2/x: 413 Request Entity Too Large',
  push_quota_exceeded: 'failed to push {image}: denied: storage quota exceeded',
  push_rejected: 'failed to push {image}: manifest invalid',
} as const;

const saying = (image: string, error: string): FaultRules[number] => ({
  fault: 'says',
  image,
  error: `failed to solve: ${error}`,
});

const refused = Object.entries(refusals).map(([code, error]) => saying(`/refused-${code}-`, error));

export const r14: Scenario = {
  name: 'R14',
  about:
    'a registry is away, or answers 503 or 429: its builds wait and succeed within 30 s of its return, and others continue',
  defaults: { jobs: 200, runs: 1 },

  run: (chaos) =>
    inArena(
      chaos,
      {
        replicas: [
          { slots, faults: refused },
          { slots, faults: refused },
        ],
        durations: { meanMs: 200, sigma: 0.6 },
      },
      async (arena) => {
        const faults = { late: 0, held_up: 0, wrong_circuits: 0, attempts_of_refused: 0 };
        let longestMs = 0;
        for (let run = 0; run < chaos.runs; run++) {
          for (const name of Object.keys(outages) as (keyof typeof outages)[]) {
            const { resumedMs, heldUp, circuits } = await oneOutage(arena, name, run);
            longestMs = Math.max(longestMs, resumedMs);
            if (resumedMs > limitMs) faults.late++;
            faults.held_up += heldUp;
            faults.wrong_circuits += circuits;
          }
        }
        const { most, wrong } = await refusedJobs(arena);
        faults.attempts_of_refused = wrong;
        return {
          faults,
          figures: {
            resume_s: Math.round(longestMs / 100) / 10,
            most_attempts_of_refused: most,
            wasted_builds: await wastedBuilds(arena),
          },
        };
      },
    ),
};

async function oneOutage(arena: Arena, name: keyof typeof outages, run: number) {
  const { chaos, fleet, ledger, note } = arena;
  const outageMs = chaos.quick ? 6_000 : 60_000;
  const all = async (rules: FaultRules) => {
    await Promise.all(fleet.replicas.map(({ url }) => setFaults(url, rules)));
  };
  await all([...refused, saying('^registry\\.test/', outages[name])]);
  note(`${name}: registry.test for ${outageMs} ms`);
  const began = Date.now();
  await submitLoad({ arena, wishes: wishesOf(chaos.jobs, `${name}-${run}`) });
  const others = () => ledger.open().filter(({ image }) => image.startsWith('other.test/'));
  // Builds for the other registry end while builds for the unavailable one wait.
  await waitFor('builds for another registry', patienceMs, async () =>
    others().length === 0 ? true : undefined,
  ).catch((error: Error) => note(error.message));
  await sleep(Math.max(0, began + outageMs - Date.now()));
  const heldUp = others().length;
  const { registries } = queueSchema.parse((await fleet.calls.call('/v1/queue')).body);
  note(`waited for: ${registries.map(({ registry, waiting }) => `${registry} (${waiting})`).join(', ')}`);
  const wrongCircuits = registries.filter(({ registry }) => registry !== 'registry.test').length;
  const opened = registries.some(
    ({ registry, circuit }) => registry === 'registry.test' && circuit !== 'closed',
  );
  note(`${ledger.open().length} jobs wait; the registry is back`);
  await all(refused);
  const back = performance.now();
  await ledger.settle(patienceMs);
  const resumedMs = Math.round(performance.now() - back);
  note(`all have ended after ${resumedMs} ms`);
  return { resumedMs, heldUp, circuits: wrongCircuits + (opened ? 0 : 1) };
}

/** Half of the jobs push to the unavailable registry, a quarter to another, and one for each refusal to a strict registry. */
function wishesOf(jobs: number, prefix: string): Wish[] {
  const many = (count: number, name: string, registry: Wish['registry']): Wish[] =>
    Array.from({ length: count }, (_, at) => ({
      name: `${name}-${prefix}-${at}`,
      expected: 'succeeded',
      registry,
    }));
  return [
    ...many(Math.ceil(jobs / 2), 'waits', 'registry.test'),
    ...many(Math.ceil(jobs / 4), 'goes-on', 'other.test'),
    ...Object.keys(refusals).map(
      (code): Wish => ({ name: `refused-${code}-${prefix}`, expected: 'failed', registry: 'strict.test' }),
    ),
  ];
}

/** Returns the most attempts of a refused job, and the number of jobs with more than one attempt or another code. */
async function refusedJobs({ ledger, note }: Arena) {
  let [most, wrong] = [0, 0];
  for (const { id, image } of ledger.accepted.values()) {
    const code = /\/refused-([a-z_]+)-/.exec(image)?.[1];
    const job: Job | undefined = code === undefined ? undefined : await ledger.job(id);
    if (!job) continue;
    most = Math.max(most, job.attempts.length);
    if (job.attempts.length === 1 && job.error?.code === code) continue;
    wrong++;
    note(`${image} took ${job.attempts.length} attempts and ended with ${job.error?.code}`);
  }
  return { most, wrong };
}

/** Returns the number of extra builds of jobs that succeeded. */
async function wastedBuilds({ fleet, ledger }: Arena): Promise<number> {
  const stats = await Promise.all(fleet.replicas.map(({ url }) => readStats(url)));
  let builds = 0;
  let jobs = 0;
  for (const { image, expected } of ledger.accepted.values()) {
    if (expected !== 'succeeded') continue;
    jobs++;
    builds += stats.reduce((sum, { images }) => sum + (images[image]?.begun ?? 0), 0);
  }
  return builds - jobs;
}

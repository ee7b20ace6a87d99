import { setTimeout as sleep } from 'node:timers/promises';
import { readStats } from '@slipway/simulator';
import { type Arena, inArena } from '../arena.js';
import { imageOf, submitLoad, submitOne, wishes } from '../load.js';
import { breakRedis, type Outage } from '../outages.js';
import type { Scenario } from '../scenario.js';
import { waitFor } from '../waiting.js';

const limitMs = 25_000;
const slots = 4;
/** Nine runs cover each kind and length of outage once; twenty cover each two or three times. */
const outages: readonly Outage[] = [3_000, 10_000, 60_000].flatMap((ms) => [
  { how: 'restart', ms },
  { how: 'freeze', ms },
  { how: 'cut', ms },
]);
const quickOutages: readonly Outage[] = [
  { how: 'restart', ms: 3_000 },
  { how: 'freeze', ms: 7_000 },
  { how: 'cut', ms: 2_000 },
];

export const r4: Scenario = {
  name: 'R4',
  about: 'Redis is killed, frozen or cut off for 3, 10, 60 s: work resumes within 25 s of its return',
  defaults: { jobs: 100, runs: 20 },

  run: (chaos) =>
    inArena(
      chaos,
      {
        replicas: [{ slots }, { slots }, { slots }],
        durations: { meanMs: 300, sigma: 0.6 },
        apis: 2,
      },
      async (arena) => {
        const faults = { late: 0, wrong_answers: 0, never_503: 0 };
        let longestMs = 0;
        const from = Math.floor(arena.random() * outages.length);
        for (let run = 0; run < chaos.runs; run++) {
          const outage = chaos.quick
            ? quickOutages[run % quickOutages.length]
            : outages[(from + run) % outages.length];
          const result = await oneOutage(arena, outage as Outage, run);
          longestMs = Math.max(longestMs, result.resumedMs);
          if (result.resumedMs > limitMs) faults.late++;
          if (result.never503) faults.never_503++;
          faults.wrong_answers += result.wrongAnswers;
        }
        return { faults, facts: { longest_resume_ms: longestMs } };
      },
    ),
};

async function oneOutage(arena: Arena, outage: Outage, run: number) {
  const { chaos, ledger, note, fleet, random } = arena;
  const load = submitLoad({
    arena,
    wishes: wishes(chaos.jobs, `outage-${run}`).map((wish) => ({ ...wish, expected: 'succeeded' })),
    perSecond: 80,
  });
  await sleep(500 + random() * 500);
  note(`run ${run + 1}: Redis ${outage.how} for ${outage.ms} ms; ${ledger.open().length} jobs are open`);
  const known = [...ledger.accepted.keys()].at(-1) ?? '';
  const answers = new Map<string, number>();
  const stop = new AbortController();
  const probing = probe({ arena, id: known, answers, stop: stop.signal });
  await breakRedis(fleet, outage);
  const returned = Date.now();
  stop.abort();
  await probing;
  const name = `after-${run}`;
  const submitted = submitOne({ arena }, { name, expected: 'succeeded' });
  await waitFor('a build after the return of Redis', 3 * limitMs, async () => {
    const stats = await Promise.all(fleet.replicas.map(({ url }) => readStats(url)));
    // Other builds may have begun just before the return. The job submitted after the return cannot.
    return stats.some(
      ({ last_begun_at: at, images }) =>
        images[imageOf(name)] !== undefined || (outage.how !== 'cut' && (at ?? 0) > returned),
    )
      ? true
      : undefined;
  });
  const resumedMs = Date.now() - returned;
  note(
    `builds again after ${resumedMs} ms; the API said ${[...answers].map((pair) => pair.join(' x')).join(', ')}`,
  );
  await Promise.all([load, submitted]);
  await ledger.settle(60_000);
  const right = (answer: string) => answer === '200' || answer === '503 redis_unavailable';
  const wrongAnswers = [...answers].reduce((sum, [answer, times]) => sum + (right(answer) ? 0 : times), 0);
  // A request waits up to five seconds for a frozen Redis.
  const must503 = outage.how === 'restart' || (outage.how === 'freeze' && outage.ms > 6_000);
  return { resumedMs, wrongAnswers, never503: must503 && !answers.has('503 redis_unavailable') };
}

interface ProbeOptions {
  readonly arena: Arena;
  readonly id: string;
  /** The number of times that each answer came. */
  readonly answers: Map<string, number>;
  readonly stop: AbortSignal;
}

/** Polls each API for a job, and counts the answers. */
async function probe({ arena, id, answers, stop }: ProbeOptions): Promise<void> {
  const ask = async (api: number) => {
    try {
      const { status, type, body } = await arena.fleet.calls.call(`/v1/jobs/${id}`, {
        api,
        timeoutMs: 15_000,
      });
      if (status === 200) return '200';
      const isProblem = type.startsWith('application/problem+json');
      return `${status} ${isProblem ? (body as { code: string }).code : type}`;
    } catch (error) {
      return String(error);
    }
  };
  await Promise.all(
    arena.fleet.apis.map(async (_, api) => {
      while (!stop.aborted) {
        const answer = await ask(api);
        answers.set(answer, (answers.get(answer) ?? 0) + 1);
        await sleep(100);
      }
    }),
  );
}

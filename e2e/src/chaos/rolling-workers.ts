import { setTimeout as sleep } from 'node:timers/promises';
import { readStats } from '@slipway/simulator';
import { type Arena, inArena } from './arena.js';
import { submitLoad, wishes } from './load.js';
import { type Chaos, type Outcome, sumOf } from './scenario.js';

/** Milliseconds that a job may end later than in a run without restarts. */
const limitMs = 2_000;
/** Submissions a second, which keep about half of the slots busy. */
const perSecond = 5;
/** Approximate seconds to restart all workers once. */
const restartsSeconds = 8;

interface Run {
  readonly outcome: Outcome;
  /** Milliseconds from the submission of each job to its end, by image. */
  readonly tookMs: ReadonlyMap<string, number>;
}

/**
 * Runs the same load twice, first undisturbed and then with a rolling restart of all workers, and compares job by job. Builds take seconds, so that most of the
 * restarts are in the middle of some.
 */
export async function rollingWorkers(chaos: Chaos): Promise<Outcome> {
  const undisturbed = await run(chaos, async () => undefined);
  const restarted = await run(chaos, async ({ fleet, random, note, ledger }) => {
    for (let round = 1; round <= chaos.runs; round++)
      for (const worker of fleet.workers) {
        await sleep(500 + random() * 1_000);
        note(`SIGTERM ${worker.name} alone; ${ledger.open().length} jobs are open`);
        worker.kill('SIGTERM');
        await worker.ended();
        await worker.start();
      }
  });
  const delays = [...restarted.tookMs].map(([image, ms]) => ({
    image,
    ms: ms - (undisturbed.tookMs.get(image) ?? 0),
  }));
  const late = delays.filter(({ ms }) => ms > limitMs);
  for (const { image, ms } of late) chaos.note(`${image} ended ${ms} ms later than without restarts`);
  const mostMs = Math.max(0, ...delays.map(({ ms }) => ms));
  const both = sumOf([undisturbed.outcome, restarted.outcome]);
  return {
    ...both,
    faults: { ...both.faults, delayed: late.length },
    figures: { max_delay_s: Math.round(mostMs / 100) / 10 },
  };
}

async function run(chaos: Chaos, disturb: (arena: Arena) => Promise<void>): Promise<Run> {
  const tookMs = new Map<string, number>();
  const outcome = await inArena(
    chaos,
    {
      replicas: [{ slots: 4 }, { slots: 4 }, { slots: 4 }],
      durations: { meanMs: 1_200, sigma: 0.6 },
      workers: 2,
    },
    async (arena) => {
      const { fleet, ledger, note } = arena;
      const count = perSecond * restartsSeconds * chaos.runs;
      const load = submitLoad({
        arena,
        wishes: wishes(count, 'rolling').map((wish) => ({ ...wish, expected: 'succeeded' })),
        perSecond,
      });
      await disturb(arena);
      await load;
      await ledger.settle(60_000);
      const stats = await Promise.all(fleet.replicas.map(({ url }) => readStats(url)));
      let builtTwice = 0;
      for (const { id, image } of ledger.accepted.values()) {
        const job = await ledger.job(id);
        if (job?.finished_at !== undefined)
          tookMs.set(image, Date.parse(job.finished_at) - Date.parse(job.created_at));
        const begun = stats.reduce((sum, { images }) => sum + (images[image]?.begun ?? 0), 0);
        if (begun <= 1) continue;
        builtTwice++;
        note(`${id} (${image}) was begun ${begun} times`);
      }
      return { noAttempts: ['worker_lost', 'draining'], faults: { built_twice: builtTwice } };
    },
  );
  return { outcome, tookMs };
}

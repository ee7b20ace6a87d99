import { readStats } from '@slipway/simulator';
import { canUse } from '../../engines.js';
import { type Arena, inArena } from '../arena.js';
import { realStops } from '../engines/stopped-workers.js';
import { submitLoad, wishes } from '../load.js';
import { type Scenario, sumOf } from '../scenario.js';
import { stopWorkers } from '../stops.js';
import { logOf } from '../waiting.js';

/** The log of a build of a simulated replica. */
const logPattern = /^v: \S+ \[1\/2\] FROM scratch \S+\nv: \S+ \[2\/2\] COPY \. \/ \S+\n$/;
const atOnce = 20;
/** Builds on real BuildKit. */
const realBuilds = 60;
const quickBuilds = 12;

export const r20: Scenario = {
  name: 'R20',
  about: 'kill -9 and SIGTERM of workers every 2 to 5 s, whose builds go on',
  defaults: { jobs: 2_000, runs: 0 },

  run: async (chaos) => {
    const outcome = await inArena(
      chaos,
      {
        replicas: [{ slots: 4 }, { slots: 4 }, { slots: 4 }],
        durations: { meanMs: 300, sigma: 0.6 },
        workers: 3,
      },
      async (arena) => {
        const load = submitLoad({
          arena,
          wishes: wishes(chaos.jobs).map((wish) => ({ ...wish, expected: 'succeeded' })),
          perSecond: 25,
        });
        let submitted = false;
        void load.finally(() => {
          submitted = true;
        });
        const open = () => arena.ledger.open().length;
        const goesOn = () => !submitted || open() > chaos.jobs / 10;
        const { random, note } = arena;
        const stops = await stopWorkers({ workers: arena.fleet.workers, random, note, open, goesOn });
        await load;
        await arena.ledger.settle(60_000);
        const stats = await Promise.all(arena.fleet.replicas.map(({ url }) => readStats(url)));
        const { gaps, takeovers, placedAgain } = await readJobs(arena);
        const begun = (image: string) =>
          stats.reduce((sum, { images }) => sum + (images[image]?.begun ?? 0), 0);
        const builtTwice = [...arena.ledger.accepted.values()].filter(({ image }) => begun(image) > 1);
        for (const { id, image } of builtTwice)
          chaos.note(`${id} (${image}) was begun ${begun(image)} times`);
        return {
          noAttempts: ['quarantined'],
          faults: { log_gaps: gaps, built_twice: builtTwice.length },
          facts: { ...stops, takeovers, placed_again: placedAgain },
        };
      },
    );
    const builds = chaos.quick ? quickBuilds : realBuilds;
    const both = canUse('buildkit') ? sumOf([outcome, await realStops(chaos, { builds })]) : outcome;
    const { built_twice = 0, log_gaps = 0 } = both.faults;
    return { ...both, figures: { built_twice, log_gaps } };
  },
};

/** Returns how many logs are not whole, how often a worker continued a build, and how many attempts ended with their worker: before a replica had the payload. */
async function readJobs(arena: Arena) {
  const { ledger, note } = arena;
  const ids = [...ledger.accepted.keys()];
  const found = { gaps: 0, takeovers: 0, placedAgain: 0 };
  for (let at = 0; at < ids.length; at += atOnce)
    await Promise.all(
      ids.slice(at, at + atOnce).map(async (id) => {
        const job = await ledger.job(id);
        if (!job) return;
        for (const { takeovers = 0, outcome } of job.attempts) {
          found.takeovers += takeovers;
          if (outcome !== 'worker_lost' && outcome !== 'draining') continue;
          found.placedAgain++;
          note(`${id} has another attempt after ${outcome}`);
        }
        const { status, text } = await logOf(arena, id);
        if (status === 200 && logPattern.test(text)) return;
        found.gaps++;
        note(`the log of ${id} is not whole: ${status} ${JSON.stringify(text.slice(0, 300))}`);
      }),
    );
  return found;
}

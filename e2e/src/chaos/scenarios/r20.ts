import { setTimeout as sleep } from 'node:timers/promises';
import { readStats } from '@slipway/simulator';
import { type Arena, inArena } from '../arena.js';
import { submitLoad, wishes } from '../load.js';
import type { Scenario } from '../scenario.js';

/** The log of a build of a simulated replica. */
const logPattern = /^v: \S+ \[1\/2\] FROM scratch \S+\nv: \S+ \[2\/2\] COPY \. \/ \S+\n$/;
const atOnce = 20;

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
        const stops = await stopWhile(arena, load);
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
    return {
      ...outcome,
      figures: { built_twice: outcome.faults.built_twice ?? 0, log_gaps: outcome.faults.log_gaps ?? 0 },
    };
  },
};

/** Stops workers until all jobs are submitted and most have ended. Returns how many of each kind. */
async function stopWhile({ chaos, fleet, ledger, random, note }: Arena, load: Promise<void>) {
  let submitted = false;
  void load.finally(() => {
    submitted = true;
  });
  const restarts: Promise<void>[] = [];
  const stops = { kills: 0, drains: 0 };
  while (!submitted || ledger.open().length > chaos.jobs / 10) {
    await sleep(2_000 + random() * 3_000);
    const victim = fleet.workers[Math.floor(random() * fleet.workers.length)];
    const isKill = random() < 0.5;
    const awayMs = 100 + random() * 900;
    if (!victim?.running) continue;
    note(`${isKill ? 'kill -9' : 'SIGTERM'} ${victim.name}; ${ledger.open().length} jobs are open`);
    victim.kill(isKill ? 'SIGKILL' : 'SIGTERM');
    stops[isKill ? 'kills' : 'drains']++;
    restarts.push(
      victim.ended().then(async () => {
        await sleep(awayMs);
        await victim.start();
      }),
    );
  }
  await Promise.all(restarts);
  return stops;
}

/** Returns how many logs are not whole, how often a worker continued a build, and how many attempts ended with their worker: before a replica had the payload. */
async function readJobs({ ledger, fleet, note }: Arena) {
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
        const { status, text } = await logOf(fleet, id);
        if (status === 200 && logPattern.test(text)) return;
        found.gaps++;
        note(`the log of ${id} is not whole: ${status} ${JSON.stringify(text.slice(0, 300))}`);
      }),
    );
  return found;
}

async function logOf(fleet: Arena['fleet'], id: string) {
  const answer = await fetch(`${fleet.apis[0]?.url}/v1/jobs/${id}/logs`, {
    headers: { authorization: `Bearer ${fleet.token}`, accept: 'text/plain' },
  });
  return { status: answer.status, text: await answer.text() };
}

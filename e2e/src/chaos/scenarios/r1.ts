import { setTimeout as sleep } from 'node:timers/promises';
import { type Arena, inArena } from '../arena.js';
import { submitLoad, wishes } from '../load.js';
import type { Scenario } from '../scenario.js';

export const r1: Scenario = {
  name: 'R1',
  about: 'kill -9 of a worker or an API every 2 to 5 s, under load',
  defaults: { jobs: 2_000, runs: 0 },

  run: (chaos) =>
    inArena(
      chaos,
      {
        replicas: [{ slots: 4 }, { slots: 4 }, { slots: 4 }],
        durations: { meanMs: 200, sigma: 0.6 },
        apis: 2,
        workers: 2,
      },
      async (arena) => {
        const load = submitLoad({
          arena,
          wishes: wishes(chaos.jobs).map((wish) => ({ ...wish, expected: 'succeeded' })),
          perSecond: 40,
        });
        const kills = await killWhile(arena, load);
        await load;
        return { facts: { kills } };
      },
    ),
};

/** Kills processes until all jobs are submitted and most have ended. Returns the number of kills. */
async function killWhile(
  { chaos, fleet, ledger, random, note }: Arena,
  load: Promise<void>,
): Promise<number> {
  let submitted = false;
  void load.finally(() => {
    submitted = true;
  });
  const victims = [...fleet.workers, ...fleet.apis];
  const restarts: Promise<void>[] = [];
  let kills = 0;
  while (!submitted || ledger.open().length > chaos.jobs / 10) {
    await sleep(2_000 + random() * 3_000);
    const victim = victims[Math.floor(random() * victims.length)];
    const awayMs = 100 + random() * 900;
    if (!victim?.running) continue;
    note(`kill -9 ${victim.name}, for ${Math.round(awayMs)} ms; ${ledger.open().length} jobs are open`);
    victim.kill('SIGKILL');
    kills++;
    restarts.push(
      victim.ended().then(async () => {
        await sleep(awayMs);
        await victim.start();
      }),
    );
  }
  await Promise.all(restarts);
  return kills;
}

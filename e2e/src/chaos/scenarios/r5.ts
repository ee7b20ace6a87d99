import { setTimeout as sleep } from 'node:timers/promises';
import { inArena } from '../arena.js';
import { submitLoad, wishes } from '../load.js';
import { breakRedis } from '../outages.js';
import type { Scenario } from '../scenario.js';

export const r5: Scenario = {
  name: 'R5',
  about: 'kill -9 of Redis with an append-only file, under load',
  defaults: { jobs: 600, runs: 6 },

  run: (chaos) =>
    inArena(
      chaos,
      {
        replicas: [{ slots: 4 }, { slots: 4 }, { slots: 4 }],
        durations: { meanMs: 200, sigma: 0.6 },
      },
      async (arena) => {
        const { fleet, ledger, note, random } = arena;
        const load = submitLoad({
          arena,
          wishes: wishes(chaos.jobs).map((wish) => ({ ...wish, expected: 'succeeded' })),
          perSecond: 40,
        });
        for (let run = 1; run <= chaos.runs; run++) {
          await sleep(1_000 + random() * 2_000);
          const ms = 100 + random() * 1_500;
          note(`kill -9 redis, for ${Math.round(ms)} ms; ${ledger.accepted.size} jobs are accepted`);
          await breakRedis(fleet, { how: 'restart', ms });
        }
        await load;
        return {};
      },
    ),
};

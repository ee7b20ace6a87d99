import { inArena } from '../arena.js';
import { imageOf, submitOne } from '../load.js';
import type { Scenario } from '../scenario.js';
import { holderOf, runningJob, timesBegun, waitFor } from '../waiting.js';

/** A lock of 15 s, a check every 4 s for jobs whose lock has run out, and a second to find the build. */
const limitMs = 20_000;

export const r2: Scenario = {
  name: 'R2',
  about: 'kill -9 of a worker during a build: the build goes on, and another worker has its log within 20 s',
  defaults: { jobs: 0, runs: 5 },

  run: (chaos) =>
    inArena(
      chaos,
      { replicas: [{ slots: 2 }, { slots: 2 }], durations: { meanMs: 30_000, sigma: 0 } },
      async (arena) => {
        const { note, ledger } = arena;
        let late = 0;
        let builtTwice = 0;
        let longestMs = 0;
        for (let run = 1; run <= chaos.runs; run++) {
          const name = `survivor-${run}`;
          const { id } = await submitOne({ arena }, { name, expected: 'succeeded' });
          const holder = holderOf(arena, await runningJob(arena, id));
          await waitFor(`${name} to be in the middle of its build`, limitMs, async () =>
            (await timesBegun(arena, imageOf(name))) > 0 ? true : undefined,
          );
          note(`kill -9 ${holder.name}, which builds ${name}`);
          holder.kill('SIGKILL');
          const killed = performance.now();
          // The killed worker stays down, so that another worker has to detect the loss.
          const resumed = await waitFor(`${name} to be continued`, 2 * limitMs, async () => {
            const job = await ledger.job(id);
            return (job?.attempts[0]?.takeovers ?? 0) > 0 || job?.finished_at !== undefined
              ? true
              : undefined;
          }).catch((error: Error) => error);
          const tookMs = Math.round(performance.now() - killed);
          note(resumed === true ? `continued after ${tookMs} ms` : resumed.message);
          if (tookMs > limitMs) late++;
          longestMs = Math.max(longestMs, tookMs);
          await holder.start();
          await ledger.settle(2 * limitMs);
          if ((await timesBegun(arena, imageOf(name))) !== 1) builtTwice++;
        }
        return {
          faults: { late, built_twice: builtTwice },
          figures: { resume_s: Math.round(longestMs / 100) / 10 },
          facts: { longest_ms: longestMs },
        };
      },
    ),
};

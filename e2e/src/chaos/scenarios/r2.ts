import { inArena } from '../arena.js';
import { imageOf, submitOne } from '../load.js';
import type { Scenario } from '../scenario.js';
import { holderOf, runningJob, timesBegun, waitFor } from '../waiting.js';

const limitMs = 25_000;

export const r2: Scenario = {
  name: 'R2',
  about: 'kill -9 of a worker during a build: the build begins again within 25 s',
  defaults: { jobs: 0, runs: 5 },

  run: (chaos) =>
    inArena(
      chaos,
      { replicas: [{ slots: 2 }, { slots: 2 }], durations: { meanMs: 3_000, sigma: 0 } },
      async (arena) => {
        const { note } = arena;
        let late = 0;
        let longestMs = 0;
        for (let run = 1; run <= chaos.runs; run++) {
          const name = `survivor-${run}`;
          const { id } = await submitOne({ arena }, { name, expected: 'succeeded' });
          const holder = holderOf(arena, await runningJob(arena, id));
          const begun = async (times: number) =>
            (await timesBegun(arena, imageOf(name))) >= times ? true : undefined;
          await waitFor(`${name} to be in the middle of its build`, limitMs, () => begun(1));
          note(`kill -9 ${holder.name}, which builds ${name}`);
          holder.kill('SIGKILL');
          const killed = performance.now();
          // The killed worker stays down, so that another worker has to detect the loss.
          const again = await waitFor(`${name} to be built again`, 2 * limitMs, () => begun(2)).catch(
            (error: Error) => error,
          );
          const tookMs = Math.round(performance.now() - killed);
          note(again === true ? `builds again after ${tookMs} ms` : again.message);
          if (tookMs > limitMs) late++;
          longestMs = Math.max(longestMs, tookMs);
          await holder.start();
          // The job has lost one worker. It must end before the next kill, which would count as its second loss.
          await arena.ledger.settle(limitMs);
        }
        return { faults: { late }, facts: { longest_ms: longestMs } };
      },
    ),
};

import { setTimeout as sleep } from 'node:timers/promises';
import { inArena } from '../arena.js';
import { imageOf, submitOne } from '../load.js';
import type { Scenario } from '../scenario.js';
import { holderOf, logOf, runningJob, timesBegun, waitFor } from '../waiting.js';

/** A lock of 15 s, a check every 4 s for jobs whose lock has run out, and a second to find the build. */
const limitMs = 20_000;
/** Milliseconds between two lines of a build. */
const lineMs = 250;
/** Milliseconds after which no line of a worker that was killed can come any more. */
const silenceMs = 1_000;

export const r2: Scenario = {
  name: 'R2',
  about: 'kill -9 of a worker during a build: the build goes on, and its log flows again within 20 s',
  defaults: { jobs: 0, runs: 5 },

  run: (chaos) =>
    inArena(
      chaos,
      {
        replicas: Array.from({ length: 2 }, () => ({ slots: 2, faults: [{ fault: 'talks', ms: lineMs }] })),
        durations: { meanMs: 30_000, sigma: 0 },
      },
      async (arena) => {
        const { note, ledger } = arena;
        let late = 0;
        let builtTwice = 0;
        let gaps = 0;
        let longestMs = 0;
        for (let run = 1; run <= chaos.runs; run++) {
          const name = `survivor-${run}`;
          const { id } = await submitOne({ arena }, { name, expected: 'succeeded' });
          const holder = holderOf(arena, await runningJob(arena, id));
          await waitFor(`${name} to be in the middle of its build`, limitMs, async () =>
            talked((await logOf(arena, id)).text) > 3 ? true : undefined,
          );
          note(`kill -9 ${holder.name}, which builds ${name}`);
          holder.kill('SIGKILL');
          const killed = performance.now();
          await sleep(silenceMs);
          const known = talked((await logOf(arena, id)).text);
          // The killed worker stays down, so that another worker has to detect the loss.
          const resumed = await waitFor(`the log of ${name} to go on`, 2 * limitMs, async () =>
            talked((await logOf(arena, id)).text) > known ? true : undefined,
          ).catch((error: Error) => error);
          const tookMs = Math.round(performance.now() - killed);
          note(resumed === true ? `the log goes on after ${tookMs} ms` : resumed.message);
          if (tookMs > limitMs) late++;
          longestMs = Math.max(longestMs, tookMs);
          await holder.start();
          await ledger.settle(2 * limitMs);
          if ((await timesBegun(arena, imageOf(name))) !== 1) builtTwice++;
          if (!isWhole((await logOf(arena, id)).text)) gaps++;
        }
        return {
          faults: { late, built_twice: builtTwice, log_gaps: gaps },
          figures: { resume_s: Math.round(longestMs / 100) / 10 },
          facts: { longest_ms: longestMs },
        };
      },
    ),
};

const linesIn = (text: string) => [...text.matchAll(/^line (\d+)$/gm)].map(([, number]) => Number(number));
const talked = (text: string) => linesIn(text).length;
const isWhole = (text: string) => linesIn(text).every((number, at) => number === at + 1);

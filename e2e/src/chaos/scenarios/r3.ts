import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Member } from '@slipway/local';
import { type Arena, inArena } from '../arena.js';
import { submitOne } from '../load.js';
import type { Scenario } from '../scenario.js';
import { runningJob, waitFor } from '../waiting.js';

const jobs = 6;

export const r3: Scenario = {
  name: 'R3',
  about: 'a worker freezes for 45 s: its later results are refused, and each job has one result',
  defaults: { jobs, runs: 1 },

  run: (chaos) =>
    inArena(
      chaos,
      { replicas: [{ slots: 4 }, { slots: 4 }], durations: { meanMs: 2_000, sigma: 0 } },
      async (arena) => {
        let overwritten = 0;
        let refused = 0;
        for (let run = 1; run <= chaos.runs; run++) {
          const result = await freeze(arena, run);
          overwritten += result.overwritten;
          refused += result.refused;
        }
        // A run without a refused result proves nothing.
        return { faults: { overwritten, unproven: refused === 0 ? 1 : 0 }, facts: { refused } };
      },
    ),
};

async function freeze(arena: Arena, run: number) {
  const { chaos, ledger, note, random, fleet } = arena;
  const frozenMs = 45_000;
  const submitted = await Promise.all(
    Array.from({ length: chaos.jobs }, (_, at) =>
      submitOne({ arena }, { name: `frozen-${run}-${at}`, expected: 'succeeded' }),
    ),
  );
  const running = await Promise.all(submitted.map(({ id }) => runningJob(arena, id)));
  const workers = fleet.workers.map((worker) => ({
    worker,
    held: running.filter(({ attempts }) => attempts.at(-1)?.worker.includes(`-${worker.pid}-`)),
  }));
  const busy = workers.filter(({ held }) => held.length > 0);
  const chosen = busy[Math.floor(random() * busy.length)];
  if (!chosen) throw new Error('no worker holds a job');
  const { worker, held } = chosen;
  note(`${worker.name} is frozen for ${frozenMs} ms with ${held.length} builds in hand`);
  worker.kill('SIGSTOP');
  const resumed = sleep(frozenMs);
  await ledger.settle(frozenMs);
  const before = await Promise.all(submitted.map(({ id }) => ledger.job(id)));
  await resumed;
  note(`${worker.name} goes on`);
  worker.kill('SIGCONT');
  const ids = held.map(({ id }) => id);
  const refused = await waitFor(`${worker.name} to end what it had in hand`, 30_000, async () => {
    const outcomes = (await attemptsOf(arena, worker)).filter(({ job_id: id }) => ids.includes(id));
    return outcomes.length >= ids.length ? outcomes : undefined;
  });
  const after = await Promise.all(submitted.map(({ id }) => ledger.job(id)));
  return {
    refused: refused.filter(({ outcome }) => outcome !== 'succeeded').length,
    overwritten: submitted.filter((_, at) => JSON.stringify(before[at]) !== JSON.stringify(after[at])).length,
  };
}

/** Returns the ended attempts of a worker, from its log. */
async function attemptsOf({ fleet }: Arena, { name, pid }: Member) {
  const log = await readFile(join(fleet.folder, 'logs', `${name.replace(' ', '-')}.log`), 'utf8');
  return log
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as { msg: string; pid: number; job_id: string; outcome: string })
    .filter((line) => line.msg === 'attempt ended' && line.pid === pid);
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { Job } from '@slipway/shared/contracts';
import { type Arena, inArena } from '../arena.js';
import { submitLoad, submitOne, wishes } from '../load.js';
import type { Scenario } from '../scenario.js';
import { holderOf, runningJob } from '../waiting.js';

/** The default of QUARANTINE_AFTER. */
const allowedDeaths = 2;

export const r10: Scenario = {
  name: 'R10',
  about:
    'a build kills its worker, another one its builder: both are quarantined after two deaths, and no other job is blamed',
  defaults: { jobs: 300, runs: 0 },

  run: (chaos) => {
    const faults = [
      { fault: 'exit', image: '/kills-builder' },
      // A build long enough for the test to find it while it runs.
      { fault: 'slow', image: '/kills-worker', factor: 60 },
    ] as const;
    return inArena(
      chaos,
      {
        // A build that goes on does not blame the worker's death on its job.
        replicas: Array.from({ length: 3 }, () => ({ slots: 3, faults: [...faults], keepsBuilds: false })),
        durations: { meanMs: 300, sigma: 0.6 },
      },
      async (arena) => {
        const stop = new AbortController();
        const revived = revive(arena, stop.signal);
        // One after the other, so that no other job is present at two deaths.
        const killed = [await killsWorker(arena), await killsBuilder(arena)];
        stop.abort();
        await revived;
        return {
          replicasComplete: false,
          faults: {
            unquarantined: killed.filter(({ error }) => error?.code !== 'quarantined').length,
            too_many_deaths: killed.filter(({ attempts }) => attempts.length > allowedDeaths).length,
          },
        };
      },
    );
  },
};

async function killsWorker(arena: Arena): Promise<Job> {
  const load = bystanders(arena, 'beside-worker');
  const { id } = await submitOne({ arena }, { name: 'kills-worker', expected: 'failed' });
  for (let death = 1; death <= allowedDeaths; death++) {
    const holder = holderOf(arena, await runningJob(arena, id, death));
    arena.note(`kill -9 ${holder.name}, which builds kills-worker for the ${death}. time`);
    holder.kill('SIGKILL');
    await holder.ended();
    await holder.start();
  }
  return await ended(arena, id, load);
}

async function killsBuilder(arena: Arena): Promise<Job> {
  const load = bystanders(arena, 'beside-builder');
  const { id } = await submitOne({ arena }, { name: 'kills-builder', expected: 'failed' });
  return await ended(arena, id, load);
}

/** Submits jobs that run during the deaths and must not be harmed. */
function bystanders(arena: Arena, name: string): Promise<void> {
  const count = Math.ceil(arena.chaos.jobs / 2);
  const around = wishes(count, name).map((wish) => ({ ...wish, expected: 'succeeded' as const }));
  return submitLoad({ arena, wishes: around, perSecond: 25 });
}

/** Resolves to the job after it and the jobs around it have ended. */
async function ended(arena: Arena, id: string, load: Promise<void>): Promise<Job> {
  await load;
  await arena.ledger.settle(60_000);
  const job = await arena.ledger.job(id);
  if (!job) throw new Error(`there is no job ${id}`);
  arena.note(`${job.image} is ${job.error?.code ?? job.state} after ${job.attempts.length} attempts`);
  return job;
}

/** Restarts dead replicas, as a process manager does. */
async function revive({ fleet, note }: Arena, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    for (const replica of fleet.replicas) {
      if (replica.running) continue;
      note(`${replica.name} has died, and is started again`);
      await replica.start();
    }
    await sleep(200);
  }
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { Job } from '@slipway/shared/contracts';
import { type Arena, inArena } from '../arena.js';
import { submitLoad, submitOne, wishes } from '../load.js';
import { type Chaos, type Outcome, type Scenario, sumOf } from '../scenario.js';
import { holderOf, runningJob, waitFor } from '../waiting.js';

/** The default of QUARANTINE_AFTER. */
const allowedDeaths = 2;
/** Deaths over one build after which other workers continue it, as packages/control-plane/src/jobs/job-store.ts has it. */
const maxContinued = 3;
const patienceMs = 90_000;

export const r10: Scenario = {
  name: 'R10',
  about:
    'a build kills its worker, another one its builder: both are quarantined after two deaths that count, and no other job is blamed',
  defaults: { jobs: 300, runs: 0 },

  /** First on replicas that keep builds, then on others. */
  run: async (chaos) =>
    sumOf([await kills(chaos, { keepsBuilds: true }), await kills(chaos, { keepsBuilds: false })]),
};

interface Replicas {
  readonly keepsBuilds: boolean;
}

function kills(chaos: Chaos, { keepsBuilds }: Replicas): Promise<Outcome> {
  const faults = [
    { fault: 'exit', image: '/kills-builder' },
    // A build that does not end before its last worker is dead. Where builds go on, a lost worker is found after up to 20 s each time.
    { fault: 'slow', image: '/kills-worker', factor: keepsBuilds ? 1_000 : 60 },
  ] as const;
  return inArena(
    chaos,
    {
      replicas: Array.from({ length: 3 }, () => ({ slots: 3, faults: [...faults], keepsBuilds })),
      durations: { meanMs: 300, sigma: 0.6 },
    },
    async (arena) => {
      arena.note(`replicas ${keepsBuilds ? 'keep builds' : 'keep no builds'}`);
      const stop = new AbortController();
      const revived = revive(arena, stop.signal);
      // One after the other, so that no other job is present at two deaths.
      const killed = [await killsWorker(arena, { keepsBuilds }), await killsBuilder(arena)];
      stop.abort();
      await revived;
      return {
        replicasComplete: false,
        faults: {
          unquarantined: killed.filter(({ job: { error } }) => error?.code !== 'quarantined').length,
          too_many_deaths: killed.filter(({ deaths, allowed }) => deaths > allowed).length,
        },
      };
    },
  );
}

interface Killed {
  readonly job: Job;
  readonly deaths: number;
  readonly allowed: number;
}

/** Kills each worker that holds the build, until the job has ended or too many have died. */
async function killsWorker(arena: Arena, { keepsBuilds }: Replicas): Promise<Killed> {
  const load = bystanders(arena, 'beside-worker');
  const { id } = await submitOne({ arena }, { name: 'kills-worker', expected: 'failed' });
  // A build that goes on is continued three times before its deaths count.
  const allowed = allowedDeaths + (keepsBuilds ? maxContinued : 0);
  let deaths = 0;
  for (let last = ''; deaths <= allowed; deaths++) {
    const name = await nextHolder(arena, id, last);
    if (name === undefined) break;
    last = name;
    const holder = holderOf(arena, await runningJob(arena, id));
    arena.note(`kill -9 ${holder.name}, which builds kills-worker, as death ${deaths + 1}`);
    holder.kill('SIGKILL');
    await holder.ended();
    await holder.start();
  }
  return { job: await ended(arena, id, load), deaths, allowed };
}

/** Resolves to the worker that holds the job after another one, or undefined when the job has ended. */
async function nextHolder({ ledger }: Arena, id: string, before: string): Promise<string | undefined> {
  const found = await waitFor(`${id} to have another worker`, patienceMs, async () => {
    const job = await ledger.job(id);
    if (job?.finished_at !== undefined) return { worker: undefined };
    const { worker, replica } = job?.attempts.at(-1) ?? {};
    return job?.state === 'running' && replica && worker !== before ? { worker } : undefined;
  });
  return found.worker;
}

async function killsBuilder(arena: Arena): Promise<Killed> {
  const load = bystanders(arena, 'beside-builder');
  const { id } = await submitOne({ arena }, { name: 'kills-builder', expected: 'failed' });
  const job = await ended(arena, id, load);
  return { job, deaths: job.attempts.length, allowed: allowedDeaths };
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

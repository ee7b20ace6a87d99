import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readStats } from '@slipway/simulator';
import { type Arena, inArena } from '../arena.js';
import {
  changePrimary,
  cutPrimaryOff,
  documentedRedis,
  killPrimary,
  replaceable,
} from '../failover/primary-faults.js';
import { submitLoad, submitOne, wishes } from '../load.js';
import { type Chaos, type Outcome, type Scenario, sumOf } from '../scenario.js';
import { waitFor } from '../waiting.js';

type Topology = keyof typeof documentedRedis;

const topologies = ['sentinel', 'cluster'] as const satisfies readonly Topology[];
const limitMs = 15_000;
const patienceMs = 60_000;
const perSecond = 40;
const cutMs = 3_000;
const slots = 4;

export const r19: Scenario = {
  name: 'R19',
  about:
    'sentinels and a Redis Cluster replace a primary that is killed, changed as planned or cut off: builds resume within 15 s, and no job that replicas confirmed is lost',
  defaults: { jobs: 2_000, runs: 10 },

  async run(chaos) {
    // A short run waits most of the time. A long run measures times, so it needs the machine.
    if (chaos.quick) {
      const parts = [replaced, confirmed].flatMap((run) =>
        topologies.map((topology) => run(chaos, topology)),
      );
      const ended = await Promise.allSettled(parts);
      for (const part of ended) if (part.status === 'rejected') throw part.reason;
      return sumOf(await Promise.all(parts));
    }
    const outcomes: Outcome[] = [];
    for (const run of [replaced, confirmed, unconfirmed])
      for (const topology of topologies) outcomes.push(await run(chaos, topology));
    return sumOf(outcomes);
  },
};

/** Kills and changes the primary, twice each, under load. A failover may lose jobs that replicas did not confirm. */
async function replaced(chaos: Chaos, topology: Topology): Promise<Outcome> {
  const ways = chaos.quick ? (['change', 'kill'] as const) : (['change', 'kill', 'change', 'kill'] as const);
  let longestMs = 0;
  const wrong = new Map<string, number>();
  const outcome = await inArena(
    part(chaos, `${topology}-replaced`),
    fleetOf(topology, '0'),
    async (arena) => {
      const { fleet, ledger, note } = arena;
      const processes = [...fleet.apis, ...fleet.workers];
      const pids = processes.map(({ pid }) => pid);
      for (const [at, way] of ways.entries()) {
        const name = `${topology}-${way}-${at}`;
        await replaceable(fleet);
        const load = underLoad(arena, name, Math.ceil(chaos.jobs / ways.length), wrong);
        await sleep(1_000);
        note(`${name}: ${ledger.open().length} jobs are open`);
        const { brokenAt, promotedAt, heal } = await (way === 'kill'
          ? killPrimary(fleet)
          : changePrimary(fleet, { paused: chaos.quick }));
        const resumedMs = (await begunAfter(arena, promotedAt)) - brokenAt;
        longestMs = Math.max(longestMs, resumedMs);
        note(`${name}: another primary after ${promotedAt - brokenAt} ms, a build after ${resumedMs} ms`);
        await heal();
        await load;
        await ledger.settle(patienceMs);
      }
      await ledger.recordsEnd(patienceMs);
      return {
        faults: {
          late: longestMs > limitMs ? 1 : 0,
          restarted: processes.filter(({ pid, running }, at) => !running || pid !== pids[at]).length,
          wrong_answers: [...wrong.values()].reduce((sum, count) => sum + count, 0),
        },
      };
    },
  );
  for (const [answer, count] of wrong) chaos.note(`wrong answer to ${count} requests: ${answer}`);
  const resume = { [`${topology}_resume_s`]: Math.round(longestMs / 100) / 10 };
  return { ...mayLose(outcome), figures: { ...mayLose(outcome).figures, ...resume } };
}

/** Cuts the primary off before a failover, while the API waits for the replica: no accepted job may be lost. */
async function confirmed(chaos: Chaos, topology: Topology): Promise<Outcome> {
  const outcome = await cutOff(chaos, topology, { wait: '1', runs: chaos.quick ? 1 : chaos.runs });
  return reportedAgain({ ...outcome, figures: { confirmed: outcome.facts.accepted ?? 0 } });
}

/** The same without waiting. It counts how many accepted jobs are lost. */
async function unconfirmed(chaos: Chaos, topology: Topology): Promise<Outcome> {
  return reportedAgain(mayLose(await cutOff(chaos, topology, { wait: '0', runs: 1 })));
}

interface CutOff {
  /** `REDIS_WAIT_REPLICAS`. */
  readonly wait: string;
  readonly runs: number;
}

async function cutOff(chaos: Chaos, topology: Topology, { wait, runs }: CutOff): Promise<Outcome> {
  return await inArena(part(chaos, `${topology}-wait-${wait}`), fleetOf(topology, wait), async (arena) => {
    const { fleet, ledger, note } = arena;
    for (let run = 0; run < runs; run++) {
      const name = `${topology}-wait-${wait}-cut-${run}`;
      await replaceable(fleet);
      const stop = new AbortController();
      const load = untilStopped(arena, name, stop.signal);
      await sleep(1_000);
      const before = ledger.accepted.size;
      const { heal } = await cutPrimaryOff(fleet, cutMs);
      note(`${name}: ${ledger.accepted.size - before} jobs were accepted during the partition`);
      await heal();
      stop.abort();
      await load;
    }
    await ledger.recordsEnd(patienceMs * 2);
    // Lost jobs never end.
    return { patienceMs: wait === '0' ? 0 : patienceMs };
  });
}

const fleetOf = (topology: Topology, wait: string) => ({
  redis: documentedRedis[topology],
  replicas: [{ slots }, { slots }],
  durations: { meanMs: 200, sigma: 0.6 },
  apis: 2,
  env: { api: { REDIS_WAIT_REPLICAS: wait } },
});

/** Returns the parameters of a part, whose logs have a folder of their own. */
const part = (chaos: Chaos, name: string): Chaos => ({
  ...chaos,
  ...(chaos.logsTo !== undefined && { logsTo: join(chaos.logsTo, name) }),
});

const rightAnswers = ['redis_unavailable', 'redis_readonly', 'redis_not_replicated'];

/** Submits jobs at a steady rate until each was accepted. Counts answers that a failover does not explain. */
async function underLoad(
  arena: Arena,
  name: string,
  jobs: number,
  wrong: Map<string, number>,
): Promise<void> {
  await submitLoad({
    arena,
    perSecond,
    wishes: wishes(jobs, name).map((wish) => ({ ...wish, expected: 'succeeded' })),
    onRefused({ answer, error }) {
      const code = (answer?.body as { code?: string } | undefined)?.code ?? '';
      if (answer?.status === 503 && rightAnswers.includes(code)) return;
      const said = answer ? `${answer.status} ${code}` : String(error);
      wrong.set(said, (wrong.get(said) ?? 0) + 1);
    },
  });
}

/** Submits jobs at a slow rate until the signal is aborted and the last was accepted. */
async function untilStopped(arena: Arena, name: string, signal: AbortSignal): Promise<void> {
  const submitter = async (number: number) => {
    for (let at = 0; !signal.aborted; at++) {
      await submitOne({ arena }, { name: `${name}-${number}-${at}` }, number);
      await sleep(200);
    }
  };
  await Promise.all([0, 1, 2, 3].map(submitter));
}

/** Returns the time at which a replica was seen to have begun a build after `since`. */
async function begunAfter(arena: Arena, since: number): Promise<number> {
  const submitted = submitOne({ arena }, { name: `after-${since}`, expected: 'succeeded' });
  const now = await waitFor('a build after the failover', patienceMs, async () => {
    const stats = await Promise.all(arena.fleet.replicas.map(({ url }) => readStats(url)));
    return stats.some(({ last_begun_at: at }) => (at ?? 0) > since) ? Date.now() : undefined;
  });
  await submitted;
  return now;
}

/** Counts lost jobs for information only. Jobs that the API knows and that do not end still count as lost. */
function mayLose(outcome: Outcome): Outcome {
  const { lost, facts, figures = {} } = outcome;
  const stuck = facts.stuck ?? 0;
  return { ...outcome, lost: stuck, figures: { ...figures, lost_unconfirmed: lost - stuck } };
}

/** A primary that is cut off can record an end that the failover takes back. The job then ends again (docs/operations/durability.md). */
function reportedAgain(outcome: Outcome): Outcome {
  return {
    ...outcome,
    duplicated: 0,
    facts: { ...outcome.facts, reported_again: outcome.duplicated },
  };
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { Member } from '@slipway/local';
import { type Arena, inArena } from '../arena.js';
import { type Refusal, submitLoad, wishes } from '../load.js';
import { rollingWorkers } from '../rolling-workers.js';
import { type Chaos, type Outcome, type Scenario, sumOf } from '../scenario.js';

/** Approximate seconds to restart every process once. */
const restartsSeconds = 15;

export const r7: Scenario = {
  name: 'R7',
  about:
    'SIGTERM and start of every worker, API and replica in turn, under load; a rolling restart of the workers alone delays no job',
  defaults: { jobs: 1_800, runs: 3 },

  run: async (chaos) => {
    const everything = await restartsOfAll(chaos);
    return sumOf([everything, await rollingWorkers(chaos)]);
  },
};

/** Restarts every process in turn. */
const restartsOfAll = (chaos: Chaos): Promise<Outcome> =>
  inArena(
    chaos,
    {
      replicas: [{ slots: 4 }, { slots: 4 }, { slots: 4 }],
      durations: { meanMs: 200, sigma: 0.6 },
      apis: 2,
      workers: 2,
    },
    async (arena) => {
      const restarting = new Set<Member>();
      const failed: string[] = [];
      const load = submitLoad({
        arena,
        wishes: wishes(chaos.jobs).map((wish) => ({ ...wish, expected: 'succeeded' })),
        // A rate at which the load lasts as long as the restarts.
        perSecond: chaos.jobs / (chaos.runs * restartsSeconds),
        onRefused: (refusal) => {
          const what = fault(arena, refusal, restarting);
          if (what === undefined) return;
          failed.push(what);
          arena.note(`a request failed: ${what}`);
        },
      });
      let unclean = 0;
      for (let run = 1; run <= chaos.runs; run++) {
        for (const member of [...arena.fleet.workers, ...arena.fleet.apis, ...arena.fleet.replicas]) {
          await sleep(200 + arena.random() * 800);
          unclean += await restart(arena, member, restarting);
        }
      }
      await load;
      return {
        replicasComplete: false,
        faults: { failed_requests: failed.length, unclean },
        // After `worker_lost`, a job waited until its lock expired: the worker stopped without a handover. `draining`: a build was begun again.
        noAttempts: ['worker_lost', 'draining'],
      };
    },
  );

async function restart({ note, ledger }: Arena, member: Member, restarting: Set<Member>): Promise<number> {
  note(`SIGTERM ${member.name}; ${ledger.open().length} jobs are open`);
  restarting.add(member);
  member.kill('SIGTERM');
  const { code, signal } = await member.ended();
  await member.start();
  restarting.delete(member);
  if (code === 0) return 0;
  note(`${member.name} ended with ${signal ?? code}`);
  return 1;
}

/** Returns the fault of a refusal, or undefined. Good refusals are a 503 `draining`, and the closed port of an API that restarts. */
function fault(
  { fleet }: Arena,
  { api, answer, error }: Refusal,
  restarting: Set<Member>,
): string | undefined {
  const member = fleet.apis[api];
  if (answer) {
    const code = (answer.body as { code?: string }).code;
    return answer.status === 503 && code === 'draining' ? undefined : `${answer.status} ${code}`;
  }
  const code = (error as NodeJS.ErrnoException).code ?? error?.message;
  return code === 'ECONNREFUSED' && member && restarting.has(member) ? undefined : `${member?.name}: ${code}`;
}

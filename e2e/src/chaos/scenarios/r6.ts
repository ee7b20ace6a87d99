import { setTimeout as sleep } from 'node:timers/promises';
import { type FaultRules, lieNames } from '@slipway/simulator';
import { inArena } from '../arena.js';
import { submitLoad, type Wish } from '../load.js';
import type { Scenario } from '../scenario.js';

/** Final results that are out of bounds, or about another build. The worker refuses each, and another replica builds the job. */
const lies = Object.fromEntries(lieNames.map((name) => [name, { expected: 'succeeded' as const }]));

/** The kinds of jobs, by the fault that their image meets, and how each must end. */
const zoo: Readonly<Record<string, Omit<Wish, 'name'>>> = {
  plain: { expected: 'succeeded' },
  reset: { expected: 'succeeded' },
  truncated: { expected: 'succeeded' },
  garbage: { expected: 'succeeded' },
  refuse: { expected: 'succeeded' },
  failed: { expected: 'failed' },
  failure: { expected: 'failed' },
  error_500: { expected: 'failed' },
  hang: { expected: 'failed', spec: { timeout: 2 } },
  ...lies,
};
/** In a load, every third job is of a kind other than plain. */
const oddEvery = 3;

/** Faults of the build itself, which occur on every replica. */
const everywhere: FaultRules = [
  { fault: 'failed', image: '/failed-' },
  { fault: 'failure', image: '/failure-' },
  { fault: 'error_500', image: '/error_500-' },
  { fault: 'hang', image: '/hang-' },
];
/**
 * Faults of a replica. Each occurs once on each faulty replica, so that a job's four attempts suffice.
 */
const broken: FaultRules = [
  { fault: 'reset', image: '/reset-', times: 1 },
  { fault: 'truncated', image: '/truncated-', times: 1 },
  { fault: 'garbage', image: '/garbage-', times: 1 },
  ...lieNames.map((fault) => ({ fault, image: `/${fault}-`, times: 1 })),
];

export const r6: Scenario = {
  name: 'R6',
  about: 'replicas have every fault, and one stays dead: no limit is exceeded, and every job ends right',
  defaults: { jobs: 400, runs: 0 },

  run: (chaos) =>
    inArena(
      chaos,
      {
        replicas: [
          { slots: 4, faults: everywhere },
          { slots: 3, faults: [...everywhere, { fault: 'busy', probability: 0.3 }] },
          { slots: 3, faults: [...everywhere, ...broken], announced: false },
          { slots: 2, faults: [...everywhere, ...broken, { fault: 'refuse', image: '/refuse-', times: 1 }] },
          { slots: 4, faults: everywhere },
        ],
        durations: { meanMs: 150, sigma: 0.6 },
      },
      async (arena) => {
        const { fleet, ledger, note, random } = arena;
        const load = submitLoad({ arena, wishes: zooOf(chaos.jobs), perSecond: 60 });
        await sleep(1_000 + random() * 1_000);
        const dead = fleet.replicas.at(-1);
        note(`kill -9 ${dead?.name}, for good`);
        dead?.kill('SIGKILL');
        await load;
        await ledger.settle(60_000);
        return { replicasComplete: false, noAttempts: ['builder_busy', 'builder_unreachable'] };
      },
    ),
};

function zooOf(count: number): Wish[] {
  const names = Object.keys(zoo);
  const odd = names.filter((name) => name !== 'plain');
  return Array.from({ length: count }, (_, at) => {
    const kind = at % oddEvery === 0 ? (odd[(at / oddEvery) % odd.length] ?? 'plain') : 'plain';
    return { name: `${kind}-${at}`, ...zoo[kind] };
  });
}

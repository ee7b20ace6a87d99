import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Fleet,
  type FleetOptions,
  readStats,
  type StatsSnapshot,
  seededRandom,
} from '@slipway/simulator';
import { startTestFleet } from '../fleet.js';
import { Ledger } from './ledger/ledger.js';
import { type Receiver, startReceiver } from './ledger/receiver.js';
import type { Chaos, Outcome } from './scenario.js';

/** A fleet under load, its ledger, and a random generator. */
export interface Arena {
  readonly chaos: Chaos;
  readonly fleet: Fleet;
  readonly receiver: Receiver;
  readonly ledger: Ledger;
  readonly random: () => number;
  readonly note: (text: string) => void;
}

interface Ending {
  /** Milliseconds without any progress after which a job counts as lost. Default 60,000. */
  readonly patienceMs?: number;
  /** False when a replica was restarted, which clears its statistics. Default true. */
  readonly replicasComplete?: boolean;
  /** Outcomes that no attempt may have had. */
  readonly noAttempts?: readonly string[];
  readonly faults?: Readonly<Record<string, number>>;
  readonly figures?: Readonly<Record<string, number>>;
  readonly facts?: Readonly<Record<string, number>>;
}

/** Starts a fleet, runs `body` to break it, starts all dead processes, waits for the last job and compares the counts. */
export async function inArena(
  chaos: Chaos,
  options: FleetOptions,
  body: (arena: Arena) => Promise<Ending>,
): Promise<Outcome> {
  const receiver = await startReceiver();
  let fleet: Fleet | undefined;
  try {
    fleet = await startTestFleet({ seed: chaos.seed, ...options });
    const { note } = chaos;
    const ledger = new Ledger({ fleet, receiver, note });
    const random = seededRandom(String(chaos.seed));
    const ending = await body({ chaos, fleet, receiver, ledger, random, note });
    await heal(fleet);
    note('nothing is broken any more');
    await ledger.settle(ending.patienceMs ?? 60_000);
    const { ends, attempts, wrong, stuck, ...verdict } = await ledger.verdict({
      replicasComplete: ending.replicasComplete ?? true,
    });
    const stats = await Promise.all(fleet.replicas.map(({ url }) => readStats(url)));
    return {
      ...verdict,
      faults: {
        wrong,
        over_limit: overrun(options, stats, note),
        bad_signatures: stats.reduce((sum, each) => sum + each.bad_signatures, receiver.badSignatures()),
        ...Object.fromEntries((ending.noAttempts ?? []).map((outcome) => [outcome, attempts[outcome] ?? 0])),
        ...ending.faults,
      },
      figures: ending.figures ?? {},
      facts: {
        accepted: ledger.accepted.size,
        stuck,
        ...ends,
        ...Object.fromEntries(Object.entries(attempts).map(([end, count]) => [`attempts_${end}`, count])),
        ...ending.facts,
      },
    };
  } finally {
    receiver.stop();
    if (fleet && chaos.logsTo !== undefined) {
      await cp(join(fleet.folder, 'logs'), chaos.logsTo, { recursive: true });
    }
    await fleet?.stop();
  }
}

/** Returns the number of builds above the replicas' limits. A worker learns an unannounced limit only by exceeding it, so these do not count. */
function overrun(
  { replicas }: FleetOptions,
  stats: readonly StatsSnapshot[],
  note: (text: string) => void,
): number {
  return replicas.reduce((sum, { announced = true }, at) => {
    const { limit = 0, max_concurrency: most = 0 } = stats[at] ?? {};
    if (most <= limit) return sum;
    note(`replica ${at + 1} takes ${limit} builds${announced ? '' : ' unannounced'}, and was given ${most}`);
    return announced ? sum + most - limit : sum;
  }, 0);
}

/** Resumes every frozen process and starts every dead one. */
async function heal(fleet: Fleet): Promise<void> {
  const members = [fleet.redis, ...fleet.replicas, ...fleet.apis, ...fleet.workers];
  for (const member of members) member.kill('SIGCONT');
  for (const member of members) await member.start();
}

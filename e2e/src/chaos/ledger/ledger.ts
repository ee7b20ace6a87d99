import { setTimeout as sleep } from 'node:timers/promises';
import { parseEvents } from '@slipway/control-plane/events';
import { isTerminal, type Job, type TerminalState } from '@slipway/shared/contracts';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, redisKeys } from '@slipway/shared/redis';
import { type Fleet, readStats, type StatsSnapshot } from '@slipway/simulator';
import type { Receiver } from './receiver.js';

/** The counts of broken guarantees. A run passes when all are 0. */
export interface Verdict {
  /** Accepted jobs that are unknown, or in no terminal state after all progress has stopped. */
  readonly lost: number;
  /** Jobs reported under two ids, or built more often than the record has attempts. */
  readonly duplicated: number;
  /** Jobs in two terminal states, reported in a state other than the record's, or succeeded without a build. */
  readonly conflicting: number;
  /** Ended jobs without a message with a valid signature. */
  readonly undelivered: number;
}

export interface Accepted {
  readonly id: string;
  readonly image: string;
  /** The state in which the job must end. When left out, any terminal state is accepted. */
  readonly expected?: TerminalState;
}

interface LedgerOptions {
  readonly fleet: Fleet;
  readonly receiver: Receiver;
  readonly note: (text: string) => void;
}

const pollMs = 250;

/** Counts every job three times: at the API's 202, at the replicas, at the receiver of webhooks. */
export class Ledger {
  readonly #options: LedgerOptions;
  readonly accepted = new Map<string, Accepted>();

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  accept(job: Accepted): void {
    this.accepted.set(job.id, job);
  }

  /** Returns accepted jobs whose end the receiver does not have yet. */
  open(): Accepted[] {
    const { received } = this.#options.receiver;
    return [...this.accepted.values()].filter(({ id }) => !received.has(id));
  }

  /** Waits until the receiver has the end of every job, or received no end for `patienceMs`. */
  async settle(patienceMs: number): Promise<void> {
    let left = this.open().length;
    let since = performance.now();
    while (left > 0 && performance.now() - since < patienceMs) {
      await sleep(pollMs);
      const now = this.open().length;
      if (now < left) since = performance.now();
      left = now;
    }
    if (left > 0) this.#options.note(`${left} jobs are open, and nothing happens any more`);
  }

  /**
   * Waits until each accepted job that the API knows has ended in its record. A failover can take an end back that the receiver has.
   * Returns after `timeoutMs` in any case.
   */
  async recordsEnd(timeoutMs: number): Promise<void> {
    const until = performance.now() + timeoutMs;
    for (const id of this.accepted.keys()) {
      for (;;) {
        const job = await this.job(id);
        if (!job || isTerminal(job.state) || performance.now() > until) break;
        await sleep(pollMs);
      }
    }
  }

  /** Returns the job as the API shows it now, or undefined when the API does not know it. */
  async job(id: string): Promise<Job | undefined> {
    const answer = await this.#options.fleet.calls.call(`/v1/jobs/${id}`);
    return answer.status === 200 ? (answer.body as Job) : undefined;
  }

  /**
   * Compares the three counts. `replicasComplete` says that no replica was started again, so that each still knows
   * all it did.
   */
  async verdict({ replicasComplete }: { readonly replicasComplete: boolean }): Promise<Verdict & Ends> {
    const { fleet, receiver, note } = this.#options;
    const stats = await Promise.all(fleet.replicas.map(({ url }) => readStats(url)));
    const events = await terminalEvents(fleet);
    const found = { lost: 0, duplicated: 0, conflicting: 0, undelivered: 0, wrong: 0 };
    let stuck = 0;
    const ends: Record<string, number> = {};
    const attempts: Record<string, number> = {};
    for (const accepted of this.accepted.values()) {
      const { id, image, expected } = accepted;
      const job = await this.job(id);
      const said = receiver.received.get(id);
      const blame = (what: keyof typeof found, why: string) => {
        found[what]++;
        note(`${what}: ${id} (${image}) ${why}`);
      };
      if (!job || !isTerminal(job.state)) {
        if (job) stuck++;
        blame('lost', job ? `is ${job.state} after ${job.attempts.length} attempts` : 'is not known');
        continue;
      }
      const end = job.error?.code ?? job.state;
      add(ends, end);
      for (const { outcome } of job.attempts) add(attempts, outcome ?? 'none');
      if (!said) blame('undelivered', `has ended as ${job.state}, and no message arrived`);
      else if (said.ids.size > 1) blame('duplicated', `was reported as ${[...said.ids].join(' and ')}`);
      const finished = count(stats, image, 'succeeded');
      const begun = job.attempts.at(-1)?.number ?? 0;
      if (finished > begun) blame('duplicated', `was built ${finished} times in ${begun} attempts`);
      const states = [...(said?.states ?? [])].filter((state) => state !== job.state);
      if (states.length > 0) blame('conflicting', `was reported as ${states.join()}, and is ${job.state}`);
      if (events.get(id) !== 1) blame('conflicting', `has ${events.get(id) ?? 0} terminal events`);
      if (replicasComplete && job.state === 'succeeded' && finished === 0) {
        blame('conflicting', 'has succeeded, and no replica built it');
      }
      if (expected && job.state !== expected) blame('wrong', `should be ${expected}, and is ${end}`);
    }
    if (receiver.badSignatures() > 0) note(`${receiver.badSignatures()} messages had a bad signature`);
    return { ...found, stuck, ends, attempts };
  }
}

interface Ends {
  /** The lost jobs that the API knows. */
  readonly stuck: number;
  /** Jobs that did not end as expected. */
  readonly wrong: number;
  /** The number of jobs by end: a state, or the code of an error. */
  readonly ends: Readonly<Record<string, number>>;
  /** The number of attempts by outcome. */
  readonly attempts: Readonly<Record<string, number>>;
}

function add(counts: Record<string, number>, what: string): void {
  counts[what] = (counts[what] ?? 0) + 1;
}

function count(stats: readonly StatsSnapshot[], image: string, what: 'begun' | 'succeeded'): number {
  return stats.reduce((sum, { images }) => sum + (images[image]?.[what] ?? 0), 0);
}

const pageSize = 1_000;

/** Returns the number of terminal events in the event stream, by job. */
async function terminalEvents({ redisUrl, redisPrefix }: Fleet): Promise<Map<string, number>> {
  const logger = createLogger({ name: 'chaos', level: 'warn' });
  const cleanups = new Cleanups();
  const redis = connectRedis({ url: redisUrl, name: 'chaos', logger, cleanups, mode: 'request' });
  const { events } = redisKeys(redisPrefix);
  const counts = new Map<string, number>();
  try {
    for (let start = '-'; ; ) {
      const page = await redis.xrange(events, start, '+', 'COUNT', pageSize);
      for (const event of parseEvents(page)) {
        if (event.kind !== 'job') continue;
        const { jobId, state } = event;
        if (isTerminal(state)) counts.set(jobId, (counts.get(jobId) ?? 0) + 1);
      }
      if (page.length < pageSize) return counts;
      start = `(${page.at(-1)?.[0]}`;
    }
  } finally {
    await cleanups.run(logger);
  }
}

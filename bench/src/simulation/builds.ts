import type { JobStore, StartReply } from '@slipway/control-plane/jobs';
import type { Lease, SlotLedger } from '@slipway/control-plane/replicas';
import { defaultPool } from '@slipway/shared/contracts';
import { decideRetry } from '@slipway/worker/decisions';
import type { Audit } from './audit.js';
import type { BuildQueue } from './build-queue.js';
import type { SimulatedFleet, SimulatedReplica } from './fleet.js';
import type { Random } from './random.js';
import { Timetable } from './timetable.js';
import { type Waiter, WaitingRoom } from './waiting-room.js';
import { idOf, type PlannedJob, specOf, stepMs } from './workload.js';

interface SimulatedJob extends PlannedJob {
  readonly id: string;
  readonly submittedAt: number;
  startedAt?: number;
}

/** A build that runs on a replica. */
interface Build {
  readonly job: SimulatedJob;
  readonly record: (StartReply & { readonly outcome: 'started' })['record'];
  readonly token: string;
  readonly lease: Lease;
  readonly replica: SimulatedReplica;
  isLost: boolean;
}

type Entry =
  | { readonly kind: 'end'; readonly build: Build }
  | { readonly kind: 'back'; readonly id: string }
  | { readonly kind: 'wake' }
  | { readonly kind: 'act'; readonly act: () => Promise<void> };

export interface BuildsOptions {
  readonly clock: { now(): number; set(ms: number): void };
  readonly store: JobStore;
  readonly ledger: SlotLedger;
  readonly queue: BuildQueue;
  readonly fleet: SimulatedFleet;
  readonly audit: Audit;
  readonly random: Random;
}

const comeBackMs = 300;
const workers = 4;
const maxAttempts = 5;
/** Limit of scripts that are sent together. */
const together = 500;
const auditEvery = 20_000;

/** Builds jobs as workers do, one step of the clock after the other. Steps of one kind run together, in a fixed order. */
export class Builds {
  readonly #with: BuildsOptions;
  readonly #room: WaitingRoom;
  readonly #timetable = new Timetable<Entry>();
  readonly #jobs = new Map<string, SimulatedJob>();
  readonly #running = new Map<SimulatedReplica, Set<Build>>();
  #runningCount = 0;
  #suspects = 0;
  #wakeAt = Number.POSITIVE_INFINITY;
  #sinceAudit = 0;
  #accepted = 0;
  #attempts = 0;
  /** Builds of functions that were built before, and builds of them where the replica had the layers. */
  readonly affinity = { builds: 0, hits: 0 };
  /** Waits for the first start in ms by tenant. */
  readonly waits = new Map<string, number[]>();
  /** Functions that have been built. */
  readonly #built = new Set<number>();
  /** Milliseconds of slots that the accepted jobs take at least. */
  leastWorkMs = 0;
  readonly #planned = new Set<number>();
  lastEndAt = 0;

  constructor(options: BuildsOptions) {
    this.#with = options;
    this.#room = new WaitingRoom(options);
  }

  get running(): number {
    return this.#runningCount;
  }

  get unended(): number {
    return this.#jobs.size;
  }

  /** Ids of jobs that workers hold without a slot. */
  get held(): readonly string[] {
    return this.#room.ids;
  }

  /** Calls a function at a time, or at the next step after it. */
  at(ms: number, act: () => Promise<void>): void {
    this.#add(ms, { kind: 'act', act });
  }

  async submit(planned: readonly PlannedJob[]): Promise<void> {
    const { clock, store, audit } = this.#with;
    for (let from = 0; from < planned.length; from += together) {
      const jobs = planned.slice(from, from + together).map((each): SimulatedJob => {
        const id = idOf(clock.now(), this.#accepted++);
        this.leastWorkMs += this.#planned.has(each.functionNumber) ? each.warmMs : each.coldMs;
        this.#planned.add(each.functionNumber);
        return { ...each, id, submittedAt: clock.now() };
      });
      for (const job of jobs) {
        this.#jobs.set(job.id, job);
        audit.accepted(job.id);
      }
      await Promise.all(jobs.map((job) => store.create(job.id, specOf(job), { tenant: job.tenant })));
    }
  }

  /** Runs until there is nothing more to do. */
  async run(): Promise<void> {
    const { clock, queue, audit } = this.#with;
    while (this.#timetable.nextAt < Number.POSITIVE_INFINITY) {
      clock.set(Math.max(clock.now(), this.#timetable.nextAt));
      const due = this.#timetable.due(clock.now());
      await this.#finish(
        due.flatMap((entry) => (entry.kind === 'end' && !entry.build.isLost ? entry.build : [])),
      );
      for (const entry of due) if (entry.kind === 'act') await entry.act();
      await queue.putBack(due.flatMap((entry) => (entry.kind === 'back' ? entry.id : [])));
      await this.#turn();
      if (this.#sinceAudit > auditEvery) {
        this.#sinceAudit = 0;
        await audit.read();
      }
    }
    await audit.read();
  }

  /** All builds of a replica end, because it died. */
  async lose(replica: SimulatedReplica): Promise<void> {
    const builds = [...(this.#running.get(replica) ?? [])];
    await this.#fail(builds, 'builder_lost');
  }

  async #turn(): Promise<void> {
    const { clock, queue, store } = this.#with;
    const now = clock.now();
    const tired = this.#room.takeTired(now, queue.first);
    for (const waiter of tired) this.#comeBack(waiter);
    for (;;) {
      const { ids, written } = queue.take(
        Math.min(together, queue.concurrency - this.#runningCount - this.#room.size),
      );
      const [replies] = await Promise.all([Promise.all(ids.map((id) => store.admit(id))), written]);
      for (const [at, id] of ids.entries()) {
        const reply = replies[at];
        const job = this.#job(id);
        if (reply?.outcome === 'ready') {
          const suspect = reply.record.lost > 0;
          if (suspect && this.#suspects >= workers) {
            this.#later(id);
            continue;
          }
          if (suspect) this.#suspects++;
          this.#room.add({
            ...{ id, leaseId: `${id}/${this.#attempts++}`, pool: defaultPool, suspect, since: now },
            ...{ repository: job.image.replace(/:\d+$/, ''), home: reply.home },
            priority: queue.priorityOf(id),
            ...{ tenant: job.tenant.name, priorityClass: 'normal' },
          });
        } else if (reply?.outcome === 'wait') this.#later(id);
        else if (reply?.outcome === 'terminal') this.#forget(id);
      }
      const placed = await this.#room.takeSlots(now);
      await this.#start(placed);
      if (ids.length === 0 && placed.length === 0) break;
    }
    const next = this.#room.nextAfter(now);
    if (next < this.#wakeAt || this.#wakeAt <= now) {
      this.#wakeAt = next;
      if (next < Number.POSITIVE_INFINITY) this.#add(next, { kind: 'wake' });
    }
  }

  async #start(placed: readonly { readonly waiter: Waiter; readonly lease: Lease }[]): Promise<void> {
    const { clock, store, fleet } = this.#with;
    const replies = await Promise.all(
      placed.map(({ waiter: { id, leaseId }, lease }, at) =>
        store.start(id, {
          ...{ token: leaseId, worker: `worker-${at % workers}`, replica: lease.url },
          takesSuspects: true,
          first: this.#room.first,
        }),
      ),
    );
    const refused: Lease[] = [];
    const failed: Build[] = [];
    for (const [at, { waiter, lease }] of placed.entries()) {
      const reply = replies[at];
      if (reply?.outcome !== 'started') {
        refused.push(lease);
        if (waiter.suspect) this.#suspects--;
        if (reply?.outcome === 'wait') this.#later(waiter.id);
        else if (reply?.outcome === 'terminal') this.#forget(waiter.id);
        continue;
      }
      const job = this.#job(waiter.id);
      const replica = fleet.get(lease.url);
      const build: Build = {
        ...{ job, record: reply.record, token: waiter.leaseId, lease, replica, isLost: false },
      };
      this.#begin(build);
      if (replica.state === 'dead') failed.push(build);
      else this.#add(clock.now() + this.#duration(build), { kind: 'end', build });
    }
    await this.#free(refused, 'none');
    await this.#fail(failed, 'builder_unreachable');
  }

  #begin(build: Build): void {
    const { job, replica } = build;
    if (job.startedAt === undefined) {
      job.startedAt = this.#with.clock.now();
      const waits = this.waits.get(job.tenant.name) ?? [];
      waits.push(job.startedAt - job.submittedAt);
      this.waits.set(job.tenant.name, waits);
    }
    const builds = this.#running.get(replica) ?? new Set();
    this.#running.set(replica, builds.add(build));
    this.#runningCount++;
  }

  #duration({ job, replica }: Build): number {
    const hasLayers = replica.layers.has(job.functionNumber);
    if (this.#built.has(job.functionNumber)) {
      this.affinity.builds++;
      if (hasLayers) this.affinity.hits++;
    }
    return hasLayers ? job.warmMs : job.coldMs;
  }

  async #finish(builds: readonly Build[]): Promise<void> {
    const { store, clock } = this.#with;
    if (builds.length === 0) return;
    // One connection keeps the order, so nothing waits for the replies before.
    const ended = Promise.all(
      builds.map(({ job, token }) =>
        store.finish(job.id, token, {
          state: 'succeeded',
          result: { image: job.image, duration_ms: job.warmMs },
        }),
      ),
    );
    const freed = this.#free(
      builds.map(({ lease }) => lease),
      'ok',
    );
    // Retention removes the records of ended jobs.
    const removed = Promise.all(
      builds.map(({ job, record }) =>
        store.remove({ id: job.id, spec: record.spec, tenant: job.tenant.name }, clock.now() + 1),
      ),
    );
    const [hasEnded, isRemoved] = await Promise.all([ended, removed, freed]);
    for (const [at, build] of builds.entries()) {
      if (!hasEnded[at] || !isRemoved[at]) throw new Error(`the end of ${build.job.id} was refused`);
      build.replica.layers.add(build.job.functionNumber);
      this.#built.add(build.job.functionNumber);
      this.#leave(build);
      this.#forget(build.job.id);
    }
    this.lastEndAt = clock.now();
    this.#sinceAudit += builds.length;
  }

  async #fail(builds: readonly Build[], code: 'builder_lost' | 'builder_unreachable'): Promise<void> {
    const { store, random } = this.#with;
    if (builds.length === 0) return;
    const retries = builds.map(({ record: { spent, placements } }) =>
      decideRetry({
        ...{ code, detail: '', spent, placements, isDropped: false, drops: 0, maxAttempts },
        ...{ registry: { count: 0, forMs: 0 }, registryRetryMs: 0, random: random.next },
      }),
    );
    await Promise.all(
      builds.map(({ job, token }, at) => {
        const decision = retries[at];
        const detail = 'The simulated replica died.';
        return decision?.kind === 'requeue'
          ? store.requeue(job.id, token, {
              ...{ ...decision, code, detail, placed: !decision.listed, died: code === 'builder_lost' },
            })
          : store.finish(job.id, token, { state: 'failed', error: { code, detail, log_tail: [] } });
      }),
    );
    for (const [at, build] of builds.entries()) {
      const decision = retries[at];
      build.isLost = true;
      this.#leave(build);
      if (decision?.kind === 'requeue') this.#later(build.job.id, decision.delayMs);
      else this.#forget(build.job.id);
    }
    await this.#free(
      builds.map(({ lease }) => lease),
      'fault',
    );
  }

  #leave(build: Build): void {
    this.#running.get(build.replica)?.delete(build);
    this.#runningCount--;
    if (build.record.lost > 0) this.#suspects--;
  }

  async #free(leases: readonly Lease[], outcome: 'ok' | 'fault' | 'none'): Promise<void> {
    const { ledger, fleet } = this.#with;
    await Promise.all(leases.map((lease) => ledger.free(lease, outcome)));
    for (const { url } of leases) fleet.giveBack(url);
  }

  #comeBack({ id, suspect }: Waiter): void {
    if (suspect) this.#suspects--;
    this.#later(id);
  }

  #later(id: string, delayMs = comeBackMs * (0.5 + this.#with.random.next())): void {
    this.#add(this.#with.clock.now() + delayMs, { kind: 'back', id });
  }

  #forget(id: string): void {
    this.#jobs.delete(id);
    this.#with.queue.forget(id);
  }

  #job(id: string): SimulatedJob {
    const job = this.#jobs.get(id);
    if (!job) throw new Error(`${id} is in the queue and has ended`);
    return job;
  }

  #add(ms: number, entry: Entry): void {
    this.#timetable.add(Math.ceil(ms / stepMs) * stepMs, entry);
  }
}

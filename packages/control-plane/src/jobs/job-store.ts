import type { JobSpec, JobState } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { timeOfId } from '@slipway/shared/ids';
import type { Keys, Redis } from '@slipway/shared/redis';
import { noTracing, type Tracing } from '@slipway/shared/tracing';
import {
  type Fields,
  fieldsOf,
  noRecordFaults,
  onlyReadable,
  type RecordFaults,
  readRecord,
} from '../records/index.js';
import { readStored, type SharedValues, sharedValuesFrom } from '../stored/index.js';
import { type AttemptEnd, finishArgs, type Requeue, requeueArgs, type SmallLog } from './attempt-outcome.js';
import { type CreateOptions, createJob } from './create-job.js';
import { discardRecord } from './discard.js';
import { indexNames } from './identity.js';
import { type JobFilter, type JobPage, listJobs } from './list.js';
import { type JobRecord, parseRecord } from './record.js';
import { type AdmitReply, type AttachReply, notStarted, type StartReply } from './replies.js';
import { type ReadyJob, staysReady } from './stays-ready.js';
import {
  createTransition,
  type Transition,
  type TransitionOptions,
  type TransitionReply,
  transitions,
} from './transition.js';

/** The replica on which a build has a slot, and the id of the build. */
interface PlacedBuild {
  readonly replica: string;
  /** The id of the build, with which the token begins; undefined for a job that joins parts. */
  readonly build?: string | undefined;
}

export interface StartOptions extends PlacedBuild {
  readonly token: string;
  readonly worker: string;
  /** True when the worker has room for a job that has lost a worker or builder before. */
  readonly takesSuspects: boolean;
  /** The lease of the build, if the caller does not know yet whether it holds a slot of the replica. */
  readonly lease?: string | undefined;
  /** The priority of the first job of the pool that the worker holds ready. Default: this job is the first. */
  readonly first?: number | undefined;
}

export interface QueueState {
  readonly queued: number;
  readonly running: number;
  /** Milliseconds since the oldest waiting job was submitted. */
  readonly oldestWaitMs: number;
  /** Undefined until a build of the pool has succeeded. */
  readonly meanBuildMs: number | undefined;
}

interface AttachOptions {
  readonly build: string;
  readonly token: string;
  readonly worker: string;
  /** True when the worker has room for a job that has lost a worker or builder before. */
  readonly takesSuspects: boolean;
}

/** Workers that may die over one build before no other attaches to it. */
const maxBuildDeaths = 3;

interface JobStoreOptions extends TransitionOptions {
  /** Number of lost workers or builders after which a job is quarantined. */
  readonly quarantineAfter?: number;
  /** Milliseconds that a job may wait before it ends with `expired`. */
  readonly queueTimeoutMs?: number;
  /** Milliseconds that the slot of a build lives while no worker holds the build. Default: 25,000. */
  readonly buildSlotMs?: number;
  /** Returns the oldest mark of time, in ms, that Redis must have for a job to start; see `Hold`. Default: 0. */
  readonly leastMark?: () => number;
}

/** The records of jobs. Every change is one atomic transition (see transition.ts). */
export class JobStore {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #quarantineAfter: number;
  readonly #queueTimeoutMs: number;
  readonly #buildSlotMs: number;
  readonly #leastMark: () => number;
  readonly #transition: Transition;
  readonly #tracing: Tracing;
  readonly #faults: RecordFaults;
  readonly #now: () => number;

  constructor(options: JobStoreOptions) {
    const { redis, keys, quarantineAfter = 2, queueTimeoutMs = 24 * 3600 * 1_000 } = options;
    this.#tracing = options.tracing ?? noTracing;
    this.#faults = options.faults ?? noRecordFaults;
    this.#now = options.now ?? Date.now;
    this.#redis = redis;
    this.#keys = keys;
    this.#quarantineAfter = quarantineAfter;
    this.#queueTimeoutMs = queueTimeoutMs;
    this.#buildSlotMs = options.buildSlotMs ?? 25_000;
    this.#leastMark = options.leastMark ?? (() => 0);
    this.#transition = createTransition(options);
  }

  /**
   * Writes a new record and adds the job to the queue, unless it has already ended, shares the build of an identical job, or waits for
   * its batch. A job with `parts` creates a job for each part, and goes to the queue itself when all of them have succeeded. Returns the
   * record, or undefined for a job of a batch.
   */
  async create(id: string, spec: JobSpec, options: CreateOptions): Promise<JobRecord | undefined> {
    return await createJob({
      ...{ id, spec, options, transition: this.#transition, tracing: this.#tracing },
      recordOf: (fields, values) => this.#recordOf(id, fields, values),
    });
  }

  /**
   * Removes a record and its entries in indexes, but not its logs in the blob store. Returns false when the job has not ended before that
   * time (ms since the epoch), and true also when there is no such record.
   */
  async remove(
    { id, spec, tenant }: Pick<JobRecord, 'id' | 'spec' | 'tenant'>,
    endedBefore: number,
  ): Promise<boolean> {
    const args = { id, ended_before: endedBefore, indexes: indexNames(spec, tenant) };
    return (await this.#transition(transitions.remove, args))[0] !== 'wait';
  }

  /**
   * Removes a record that cannot be read and its entries in indexes, but not its logs in the blob store. Cancels a job that has not
   * ended first. Returns `readable` when the record can be read, and then removes nothing.
   */
  async discard(id: string): Promise<'ok' | 'missing' | 'readable'> {
    return await discardRecord({
      id,
      redis: this.#redis,
      keys: this.#keys,
      read: () => this.get(id),
      discard: (indexes) => this.#transition(transitions.discard, { id, indexes: [...indexes] }, 'queue'),
    });
  }

  async get(id: string): Promise<JobRecord | undefined> {
    return await this.#read(id);
  }

  /** Returns the record without its build arguments, its secrets and the end of its log, which may be large. */
  async getOutline(id: string): Promise<JobRecord | undefined> {
    const record = await this.#read(id, ['labels', 'callback', 'vcs']);
    const { build_args = {} }: Partial<JobSpec> = record?.spec ?? {};
    return record && { ...record, spec: { ...record.spec, build_args } };
  }

  async #read(id: string, only?: readonly string[]): Promise<JobRecord | undefined> {
    const names = [this.#keys.job(id)];
    const options = { redis: this.#redis, keys: this.#keys, names, ...(only && { only }) };
    const { replies, values } = await readStored(options);
    const [error, fields] = replies[0] ?? [null, {}];
    return await this.#parsed(id, error ? Promise.reject(error) : (fields as Fields), values);
  }

  #parsed(id: string, reply: Promise<Fields> | Fields, values: SharedValues): Promise<JobRecord | undefined> {
    const parse = (found: string, fields: Fields) => parseRecord(found, fields, values);
    return readRecord({ kind: 'job', id, reply, parse, faults: this.#faults });
  }

  /** Throws `record_unreadable` when the record that a transition returned cannot be read. */
  async #recordOf(id: string, flat: unknown, values: unknown): Promise<JobRecord> {
    const record = await this.#parsed(id, fieldsOf(flat as string[]), sharedValuesFrom(values as string[]));
    if (!record) throw new SlipwayError('internal', `The record of ${id} is empty.`);
    return record;
  }

  /** Returns ids of jobs in a state after the id `after`, oldest first. */
  async oldest(state: JobState, limit: number, after?: string): Promise<string[]> {
    const start = after === undefined ? '-' : `(${after}`;
    return await this.#redis.zrangebylex(this.#keys.index(`state:${state}`), start, '+', 'LIMIT', 0, limit);
  }

  /** Returns ids of jobs of a tenant after the id `after`, oldest first. */
  async oldestOf(tenant: string, limit: number, after?: string): Promise<string[]> {
    const start = after === undefined ? '-' : `(${after}`;
    return await this.#redis.zrangebylex(this.#keys.index(`tenant:${tenant}`), start, '+', 'LIMIT', 0, limit);
  }

  /** Returns the number of records in a state. */
  async count(state: JobState): Promise<number> {
    return await this.#redis.zcard(this.#keys.index(`state:${state}`));
  }

  /** Returns the number of waiting jobs of a tenant. */
  async countQueuedOf(tenant: string): Promise<number> {
    return await this.#redis.zcard(this.#keys.index(`tenant:${tenant}:queued`));
  }

  /** Returns the state of the queue of a pool: jobs, the oldest wait and the mean build time. */
  async queue(pool: string): Promise<QueueState> {
    const index = this.#keys.index(`pool:${pool}:queued`);
    const [queued, running, [oldest], mean] = await Promise.all([
      this.#redis.zcard(index),
      this.#redis.zcard(this.#keys.index(`pool:${pool}:running`)),
      this.#redis.zrangebylex(index, '-', '+', 'LIMIT', 0, 1),
      this.#redis.hget(this.#keys.stats, `build_ms:${pool}`),
    ]);
    return {
      queued,
      running,
      oldestWaitMs: oldest === undefined ? 0 : Math.max(0, this.#now() - timeOfId(oldest)),
      meanBuildMs: mean === null ? undefined : Number(mean),
    };
  }

  /** Returns a page of jobs, newest first. */
  list(filter: JobFilter): Promise<JobPage> {
    return listJobs({ redis: this.#redis, keys: this.#keys, faults: this.#faults, filter });
  }

  /** Decides whether a worker may work on a job. Ends or parks the job when it may not run any more or not yet. */
  async admit(id: string): Promise<AdmitReply> {
    const reply = await this.#transition(transitions.admit, {
      id,
      queue_timeout_ms: this.#queueTimeoutMs,
      least_mark: this.#leastMark(),
    });
    if (reply[0] !== 'ok') return notStarted(reply);
    const [record] = await onlyReadable([this.#recordOf(id, reply[1], reply[3])]);
    // The record may become readable: a rollout continues, or an operator repairs it.
    if (!record) return { outcome: 'wait' };
    return { outcome: 'ready', record, home: (reply[2] as string | null) ?? undefined };
  }

  /** Returns false when a job that a worker holds without a slot is to return to the queue. */
  async staysReady(job: ReadyJob): Promise<boolean> {
    return await staysReady({ redis: this.#redis, keys: this.#keys }, job);
  }

  /** Begins an attempt. Takes over a record that is still running, because the worker that held it is lost. */
  async start(id: string, options: StartOptions): Promise<StartReply> {
    const { token, worker, replica, build, takesSuspects, lease, first } = options;
    const args = {
      ...{ id, token, worker, replica, build, lease, first, slot_ms: this.#buildSlotMs },
      max_lost: this.#quarantineAfter,
      takes_suspects: takesSuspects,
      least_mark: this.#leastMark(),
    };
    const reply = await this.#transition(transitions.start, args);
    if (reply[0] === 'no_slot') return { outcome: 'no_slot' };
    if (reply[0] !== 'ok') return notStarted(reply);
    return {
      outcome: 'started',
      record: await this.#recordOf(id, reply[2], reply[3]),
      takenOver: reply[1] === 'running',
    };
  }

  /** Records that a worker received SIGTERM. For `forMs`, its builds that another worker takes over spend no attempt and count no death. */
  async noteDraining(worker: string, forMs: number): Promise<void> {
    const { drainingWorkers } = this.#keys;
    const now = this.#now();
    await Promise.all([
      this.#redis.zremrangebyscore(drainingWorkers, '-inf', now),
      this.#redis.zadd(drainingWorkers, now + forMs, worker),
    ]);
  }

  /** Records the replica that builds. `kept`: another worker can attach to the build. */
  async place(
    id: string,
    token: string,
    { replica, build }: PlacedBuild,
  ): Promise<'placed' | 'kept' | 'stale'> {
    const args = { id, token, replica, build, slot_ms: this.#buildSlotMs };
    const [outcome, kept] = await this.#transition(transitions.place, args);
    return outcome !== 'ok' ? 'stale' : kept === 1 ? 'kept' : 'placed';
  }

  /**
   * Continues the running attempt of a job under a new token, because its replica keeps its build. `stale`: the attempt has ended, has another build,
   * or must not be continued, since too many workers have died over it.
   */
  async attach(id: string, options: AttachOptions): Promise<AttachReply> {
    const { build, token, worker, takesSuspects } = options;
    const reply = await this.#transition(transitions.attach, {
      ...{ id, build, token, worker, takes_suspects: takesSuspects, max_deaths: maxBuildDeaths },
    });
    if (reply[0] === 'stale') return { outcome: 'stale' };
    if (reply[0] !== 'ok') return notStarted(reply);
    return {
      outcome: 'attached',
      from: String(reply[1]),
      record: await this.#recordOf(id, reply[2], reply[3]),
    };
  }

  /** Gives up a running attempt whose build goes on, so that any worker can attach to it. Returns false when the token is stale, or the replica does not keep the build. */
  async handOver(id: string, token: string): Promise<boolean> {
    return (
      (await this.#transition(transitions.handOver, { id, token, slot_ms: this.#buildSlotMs }))[0] === 'ok'
    );
  }

  /** Returns true while the token is the one of the holder. */
  async isHeld(id: string, token: string): Promise<boolean> {
    return (await this.#redis.hget(this.#keys.job(id), 'token')) === token;
  }

  /** Ends the job. Returns false, and records nothing, when the token is stale or the job has ended. */
  async finish(id: string, token: string, end: AttemptEnd): Promise<boolean> {
    const args = { id, token, ...finishArgs(end) };
    return await this.#ended((log) => this.#transition(transitions.finish, { ...args, log }), end.log);
  }

  /** Puts the job back into the queue. Returns false when the token is stale or the job has ended. */
  async requeue(id: string, token: string, requeue: Requeue): Promise<boolean> {
    const args = { id, token, ...requeueArgs(requeue), max_lost: this.#quarantineAfter };
    return await this.#ended((log) => this.#transition(transitions.requeue, { ...args, log }), requeue.log);
  }

  /** Runs the transition that ends an attempt. The blob store takes a log for which the tenant has no room in the record. */
  async #ended(end: (log?: string) => Promise<TransitionReply>, log: SmallLog | undefined): Promise<boolean> {
    const [outcome] = await end(log?.text);
    if (outcome !== 'log_full') return outcome === 'ok';
    await log?.store();
    return (await end())[0] === 'ok';
  }

  /** Releases jobs that wait for a tenant which has room now, up to 500 per call. */
  async wakeTenants(): Promise<void> {
    await this.#transition(transitions.wakeTenants, { limit: 500 });
  }

  /** Releases jobs that wait for a registry which answers again, and one as a probe where that is due, up to 500 per call. */
  async wakeRegistries(): Promise<void> {
    await this.#transition(transitions.wakeRegistries, { limit: 500 });
  }

  /** Ends waiting jobs that have waited too long, among the 100 oldest. */
  async expire(): Promise<void> {
    const index = this.#keys.index('state:queued');
    const oldest = await this.#redis.zrangebylex(index, '-', '+', 'LIMIT', 0, 100);
    const old = oldest.filter((id) => this.#now() - timeOfId(id) > this.#queueTimeoutMs);
    for (const id of old) await this.admit(id);
  }

  /**
   * Cancels a job. `canceled`: the job was queued and has ended. `requested`: the job runs, and its worker receives the request.
   * `terminal`: the job had already ended. `missing`: there is no such job.
   */
  async cancel(id: string): Promise<'canceled' | 'requested' | 'terminal' | 'missing'> {
    const [outcome] = await this.#transition(transitions.cancel, { id }, 'queue');
    return outcome === 'ok' ? 'canceled' : (outcome as 'requested' | 'terminal' | 'missing');
  }

  /** Returns those of the running jobs whose cancel was requested, and those whose token (the value of the map) is stale. */
  async interrupted(held: ReadonlyMap<string, string>): Promise<{ canceled: string[]; stale: string[] }> {
    const ids = [...held.keys()];
    const pipeline = this.#redis.pipeline();
    for (const id of ids) pipeline.hmget(this.#keys.job(id), 'token', 'cancel_requested');
    const replies = (await pipeline.exec()) ?? [];
    const canceled: string[] = [];
    const stale: string[] = [];
    ids.forEach((id, at) => {
      const [error, values] = replies[at] ?? [];
      if (error || !Array.isArray(values)) return;
      if (values[0] !== held.get(id)) stale.push(id);
      else if (values[1] !== null) canceled.push(id);
    });
    return { canceled, stale };
  }
}

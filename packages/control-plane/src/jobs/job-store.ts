import { hash } from 'node:crypto';
import {
  type Attempt,
  defaultPool,
  type JobError,
  type JobResult,
  type JobSpec,
  type JobState,
  priorityClasses,
} from '@slipway/shared/contracts';
import { type ErrorCode, SlipwayError } from '@slipway/shared/errors';
import { timeOfId } from '@slipway/shared/ids';
import type { Keys, Redis } from '@slipway/shared/redis';
import { noTracing, type TraceContext, type Tracing } from '@slipway/shared/tracing';
import {
  type Fields,
  noRecordFaults,
  onlyReadable,
  type RecordFaults,
  readRecord,
} from '../records/index.js';
import { readStored, type SharedValues, sharedValuesFrom, storedQuotaExceeded } from '../stored/index.js';
import { boundedDetail, boundedError } from './bounds.js';
import { discardRecord } from './discard.js';
import { buildKey, buildsLike, indexNames, referencesOf, sourcesOf } from './identity.js';
import { type JobFilter, type JobPage, listJobs } from './list.js';
import { type PlannedRecord, type PlanOptions, plannedRecord } from './planned-record.js';
import { type JobRecord, parseRecord } from './record.js';
import {
  createTransition,
  type DispatchJob,
  type Transition,
  type TransitionOptions,
  type TransitionReply,
  transitions,
} from './transition.js';

/** What an attempt says about a registry that its job pushes to. */
export interface RegistrySign {
  /** `answered` also when it refused the push. */
  readonly outcome: 'answered' | 'fault';
  /** As `registryOfImage` names it. */
  readonly host: string;
}

/** How an attempt ended for good. */
export type AttemptEnd = { readonly steps?: Attempt['steps'] } & AttemptOutcome;

type AttemptOutcome =
  | {
      readonly state: 'succeeded';
      readonly result: JobResult;
      /** The images that it is made from; undefined when they could not be read. */
      readonly baseImages?: readonly string[] | undefined;
    }
  | {
      readonly state: 'failed' | 'canceled';
      readonly error: JobError;
      readonly registry?: RegistrySign | undefined;
    };

/** Why an attempt goes back to the queue, and for how long it waits there. */
export interface Requeue {
  readonly code: ErrorCode;
  readonly detail: string;
  /** Whether the attempt counts against the limit of attempts. */
  readonly spent: boolean;
  /** Whether the record keeps the attempt. As `spent` unless given. */
  readonly listed?: boolean;
  readonly delayMs: number;
  /** No replica built the job, so that it is placed again. Counted in the record. */
  readonly placed?: boolean;
  /** The builder died over it, which counts towards quarantine. */
  readonly died?: boolean;
  readonly registry?: RegistrySign | undefined;
  readonly steps?: Attempt['steps'];
}

/** `wait`: not now, because another job builds the same image or another suspect runs here. */
export type PeekReply =
  | {
      readonly outcome: 'ready';
      readonly record: JobRecord;
      /** The replica that built its function last, and has its layers. */
      readonly home: string | undefined;
    }
  | { readonly outcome: 'wait' | 'terminal' | 'missing' };

export type StartReply =
  | { readonly outcome: 'started'; readonly record: JobRecord; readonly takenOver: boolean }
  | { readonly outcome: 'wait' | 'terminal' | 'missing' };

interface StartOptions {
  readonly token: string;
  readonly worker: string;
  /** The replica on which it has a slot. */
  readonly replica: string;
  /** Whether the worker has room for a job that has lost a worker or builder before. */
  readonly suspects: boolean;
}

export interface QueueState {
  readonly queued: number;
  readonly running: number;
  /** Since the oldest of the waiting jobs was submitted. */
  readonly oldestWaitMs: number;
  /** Undefined until a build of the pool has succeeded. */
  readonly meanBuildMs: number | undefined;
}

export interface Created extends DispatchJob {
  readonly dispatch: boolean;
  /** As it was made; undefined of a job of a batch. */
  readonly record: JobRecord | undefined;
}

interface JobStoreOptions extends TransitionOptions {
  /** A job that has lost this many workers or builders is quarantined: its build kills them. */
  readonly quarantineAfter?: number;
  /** Milliseconds that a job may wait before it ends with `expired`. */
  readonly queueTimeoutMs?: number;
}

/** The records of jobs. Every change is one atomic transition (see transition.ts). */
export class JobStore {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #quarantineAfter: number;
  readonly #queueTimeoutMs: number;
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
    this.#transition = createTransition(options);
  }

  /**
   * Writes a new record. If it says `dispatch`, it is not in the queue yet: add it there with the priority that is returned
   * (lower is earlier), then call `dispatched`. Otherwise it has ended at once, shares the build of an identical job, or waits
   * for its batch. One with `parts` becomes a job for each of them, and is for the queue when all of those have succeeded.
   */
  async create(id: string, spec: JobSpec, options: CreateOptions): Promise<Created> {
    // Each job of a batch has a trace of its own, which is linked to the batch's: thousands in one are of no use.
    const begins = options.batch === undefined ? 'alone' : 'linked';
    return await this.#tracing.span({ name: 'submit job', kind: 'producer', begins }, async (span) => {
      const created = await this.#create(id, spec, options, span.context);
      span.set({
        'messaging.system': 'slipway',
        'messaging.operation.type': 'send',
        'messaging.operation.name': 'submit',
        'messaging.destination.name': 'builds',
        'messaging.message.id': id,
        'slipway.job.id': id,
        'slipway.batch.id': options.batch,
        'slipway.tenant': options.tenant.name,
        'slipway.function': spec.function,
        'slipway.image': spec.image,
        'slipway.pool': created.pool,
        'slipway.parts': options.parts?.length,
      });
      return created;
    });
  }

  async #create(
    id: string,
    spec: JobSpec,
    options: CreateOptions,
    trace: TraceContext | undefined,
  ): Promise<Created> {
    const { tenant, sealedCallbackSecret, batch, known = new Set<string>(), maxStoredBytes } = options;
    const { pool, stored, text, parts, indexes, bytes } = options.planned ?? plannedRecord(spec, options);
    const create = (values: readonly (readonly [string, string])[]) =>
      this.#transition(transitions.create, {
        ...{ id, spec: text, secret: sealedCallbackSecret, tenant: tenant.name, weight: tenant.weight },
        band: priorityClasses.indexOf(spec.priority),
        expected: buildsLike(spec, { tenant, pool }),
        build_key: buildKey(spec, pool),
        manner: spec.force ? 'force' : spec.skip_if_unchanged ? 'skip' : 'share',
        ...{ batch, func: spec.function, pool, parts: parts?.parts, plan: parts?.plan, trace },
        ...{ shared: stored.shared, limit: maxStoredBytes, sources: sourcesOf(spec), indexes: [...indexes] },
        references: referencesOf(spec),
        bytes: bytes + (sealedCallbackSecret?.length ?? 0),
        values: values.flat(),
      });
    let reply = await create([...stored.values].filter(([hash]) => !known.has(hash)));
    // Another job let go of one in between.
    if (reply[0] === 'values_missing') reply = await create([...stored.values]);
    const [outcome, priority, dispatch, fields, values] = reply;
    if (outcome === 'full')
      throw storedQuotaExceeded({ tenant: tenant.name, used: priority, bytes, maxStoredBytes });
    for (const hash of stored.values.keys()) known.add(hash);
    if (outcome === 'source_gone')
      throw new SlipwayError('source_not_found', `The source ${priority} was removed.`);
    if (outcome === 'closed') {
      throw new SlipwayError('batch_closed', `The batch ${batch} was given up before it was written.`);
    }
    if (outcome !== 'ok') throw new SlipwayError('internal', `The job id ${id} is taken.`);
    const record = Array.isArray(fields) ? await this.#recordOf(id, fields, values) : undefined;
    return { id, pool, priority: priority as number, dispatch: dispatch === 1, record };
  }

  /**
   * Takes away a record and all that leads to it, its logs in the blob store excepted. False when the job has not ended, or
   * not before that time (ms since the epoch); true also when there is no such record.
   */
  async remove(
    { id, spec, tenant }: Pick<JobRecord, 'id' | 'spec' | 'tenant'>,
    endedBefore: number,
  ): Promise<boolean> {
    const args = { id, ended_before: endedBefore, indexes: indexNames(spec, tenant) };
    return (await this.#transition(transitions.remove, args))[0] !== 'wait';
  }

  /**
   * Removes a record that cannot be read, and all that leads to it, its logs in the blob store excepted. A job that has not ended
   * is canceled first. Returns `readable` when the record can be read after all.
   */
  async discard(id: string): Promise<'ok' | 'missing' | 'readable'> {
    return await discardRecord({
      id,
      redis: this.#redis,
      keys: this.#keys,
      read: () => this.get(id),
      discard: (indexes) => this.#transition(transitions.discard, { id, indexes: [...indexes] }),
    });
  }

  /** Notes that jobs are in the queue. */
  async dispatched(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.#redis.zrem(this.#keys.undispatched, ...ids);
  }

  async get(id: string): Promise<JobRecord | undefined> {
    return await this.#read(id);
  }

  /** The record without its build arguments, its secrets and the end of its log, which may be large. */
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
    const record = await this.#parsed(id, pairs(flat as string[]), sharedValuesFrom(values as string[]));
    if (!record) throw new SlipwayError('internal', `The record of ${id} is empty.`);
    return record;
  }

  /** Ids of jobs in a state, in the order of their submission, those after `after`. */
  async oldest(state: JobState, limit: number, after?: string): Promise<string[]> {
    const start = after === undefined ? '-' : `(${after}`;
    return await this.#redis.zrangebylex(this.#keys.index(`state:${state}`), start, '+', 'LIMIT', 0, limit);
  }

  /** Ids of jobs of a tenant, in the order of their submission, those after `after`. */
  async oldestOf(tenant: string, limit: number, after?: string): Promise<string[]> {
    const start = after === undefined ? '-' : `(${after}`;
    return await this.#redis.zrangebylex(this.#keys.index(`tenant:${tenant}`), start, '+', 'LIMIT', 0, limit);
  }

  /** How many records are in a state. */
  async count(state: JobState): Promise<number> {
    return await this.#redis.zcard(this.#keys.index(`state:${state}`));
  }

  /** How many jobs of a tenant wait. */
  async countQueuedOf(tenant: string): Promise<number> {
    return await this.#redis.zcard(this.#keys.index(`tenant:${tenant}:queued`));
  }

  /** How the queue of a pool stands: what waits, since when, and how long a build takes on average. */
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

  /** A page of jobs, newest first. */
  list(filter: JobFilter): Promise<JobPage> {
    return listJobs({ redis: this.#redis, keys: this.#keys, faults: this.#faults, filter });
  }

  /** What to look at before anything is done for a job; ends it when there is nothing to do any more. */
  async peek(id: string): Promise<PeekReply> {
    const reply = await this.#transition(transitions.peek, { id, queue_timeout_ms: this.#queueTimeoutMs });
    if (reply[0] !== 'ok') return { outcome: notStarted(reply) };
    const [record] = await onlyReadable([this.#recordOf(id, reply[1], reply[3])]);
    // It may become readable: a rollout goes on, or an operator repairs it.
    if (!record) return { outcome: 'wait' };
    return { outcome: 'ready', record, home: (reply[2] as string | null) ?? undefined };
  }

  /** Begins an attempt. A record found running was held by a worker that is lost: the attempt takes it over. */
  async start(id: string, { token, worker, replica, suspects }: StartOptions): Promise<StartReply> {
    const args = { id, token, worker, replica, max_lost: this.#quarantineAfter, suspects };
    const reply = await this.#transition(transitions.start, args);
    if (reply[0] !== 'ok') return { outcome: notStarted(reply) };
    return {
      outcome: 'started',
      record: await this.#recordOf(id, reply[2], reply[3]),
      takenOver: reply[1] === 'running',
    };
  }

  /** Notes which replica builds. False when the token is stale. */
  async place(id: string, token: string, replica: string): Promise<boolean> {
    return (await this.#transition(transitions.place, { id, token, replica }))[0] === 'ok';
  }

  /** Ends the job. False when the token is stale or the job has ended: nothing is recorded then. */
  async finish(id: string, token: string, given: AttemptEnd): Promise<boolean> {
    const end = 'error' in given ? { ...given, error: boundedError(given.error) } : given;
    const ending =
      end.state === 'succeeded'
        ? ({
            outcome: 'succeeded',
            detail: '',
            registry: 'answered',
            field: 'result',
            body: JSON.stringify(end.result),
            base_images: JSON.stringify(end.baseImages),
            cached_result: JSON.stringify({ ...end.result, cached: true, duration_ms: 0 }),
          } as const)
        : ({
            outcome: end.error.code,
            detail: end.error.detail,
            registry: end.registry?.outcome,
            registry_host: end.registry?.host,
            field: 'error',
            body: JSON.stringify({ ...end.error, log_tail: [] }),
            ...tailOf(end.error),
          } as const);
    const steps = { steps: end.steps?.total, cached_steps: end.steps?.cached };
    const args = { id, token, state: end.state, ...ending, ...steps };
    return (await this.#transition(transitions.finish, args))[0] === 'ok';
  }

  /** Puts the job back to wait. False when the token is stale or the job has ended. */
  async requeue(id: string, token: string, requeue: Requeue): Promise<boolean> {
    const { code, detail, spent, delayMs, registry, steps } = requeue;
    const { listed = spent, died = false, placed = false } = requeue;
    const args = {
      ...{ id, token, outcome: code, detail: boundedDetail(detail), spent, listed, died, placed },
      ...{ registry: registry?.outcome, registry_host: registry?.host },
      ...{ delay_ms: Math.round(delayMs), max_lost: this.#quarantineAfter },
      ...{ steps: steps?.total, cached_steps: steps?.cached },
    };
    return (await this.#transition(transitions.requeue, args))[0] === 'ok';
  }

  /** Lets jobs that wait for their tenant go on where there is room now; a few hundred a call. */
  async wakeTenants(): Promise<void> {
    await this.#transition(transitions.wakeTenants, { limit: 500 });
  }

  /** Lets jobs that wait for a registry go on where it answers, and one where it is time to ask; a few hundred a call. */
  async wakeRegistries(): Promise<void> {
    await this.#transition(transitions.wakeRegistries, { limit: 500 });
  }

  /** Ends the oldest of the waiting jobs that have waited too long. */
  async expire(): Promise<void> {
    const index = this.#keys.index('state:queued');
    const oldest = await this.#redis.zrangebylex(index, '-', '+', 'LIMIT', 0, 100);
    const old = oldest.filter((id) => this.#now() - timeOfId(id) > this.#queueTimeoutMs);
    for (const id of old) await this.peek(id);
  }

  /** Those of the jobs that belong in the queue, for adding them again: not what is gone or parked. */
  async dispatchable(ids: readonly string[]): Promise<DispatchJob[]> {
    const pipeline = this.#redis.pipeline();
    for (const id of ids) pipeline.hmget(this.#keys.job(id), 'priority', 'pool', 'parked');
    const replies = (await pipeline.exec()) ?? [];
    return ids.flatMap((id, at) => {
      const [error, values] = replies[at] ?? [];
      if (error) throw error;
      const [priority, pool, parked] = values as (string | null)[];
      if (typeof priority !== 'string' || parked !== null) return [];
      return [{ id, pool: pool ?? defaultPool, priority: Number(priority) }];
    });
  }

  /**
   * `canceled`: it was queued and has ended. `requested`: it runs, and its worker has been told.
   * `terminal`: it had ended before. `missing`: there is no such job.
   */
  async cancel(id: string): Promise<'canceled' | 'requested' | 'terminal' | 'missing'> {
    const [outcome] = await this.#transition(transitions.cancel, { id });
    if (outcome === 'requested') await this.#redis.publish(this.#keys.cancellations, id);
    return outcome === 'ok' ? 'canceled' : (outcome as 'requested' | 'terminal' | 'missing');
  }

  /** Which of these running jobs are to be canceled, or are no longer held by the token they are listed with. */
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

interface CreateOptions extends PlanOptions {
  /** What `plannedRecord` returned for the same spec and options; planned by `create` unless given. */
  readonly planned?: PlannedRecord | undefined;
  readonly sealedCallbackSecret?: string | undefined;
  /** The batch it belongs to; it waits until that is committed. */
  readonly batch?: string | undefined;
  /** Hashes of values that are stored because of other jobs of the batch, and are not sent again; those of this job are added. */
  readonly known?: Set<string>;
  /** What its tenant may have in Redis; anything unless given. */
  readonly maxStoredBytes?: number | undefined;
}

function notStarted([outcome]: TransitionReply): 'wait' | 'terminal' | 'missing' {
  return outcome === 'missing' || outcome === 'wait' ? outcome : 'terminal';
}

function pairs(flat: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let at = 0; at + 1 < flat.length; at += 2) fields[flat[at] as string] = flat[at + 1] as string;
  return fields;
}

/** Returns the end of the log of a failure as a value that the record refers to. */
function tailOf({ log_tail }: JobError): { readonly log_tail_hash?: string; readonly log_tail?: string } {
  if (log_tail.length === 0) return {};
  const text = JSON.stringify(log_tail);
  return { log_tail_hash: hash('sha256', text, 'base64url').slice(0, 32), log_tail: text };
}

import {
  imageRepository,
  type JobError,
  type JobResult,
  type JobSpec,
  type JobState,
  parseImageReference,
} from '../contracts/index.js';
import { type ErrorCode, SlipwayError } from '../errors/index.js';
import type { Keys, Redis } from '../redis/index.js';
import { type JobFilter, type JobPage, listJobs } from './list.js';
import { type JobRecord, parseRecord } from './record.js';
import { type TransitionReply, transitionScript } from './transition.js';

/** How an attempt ended for good. */
export type AttemptEnd =
  | { readonly state: 'succeeded'; readonly result: JobResult }
  | { readonly state: 'failed' | 'canceled'; readonly error: JobError };

/** Why an attempt goes back to the queue, and for how long it waits there. */
export interface Requeue {
  readonly code: ErrorCode;
  readonly detail: string;
  /** False when the job is placed again: the attempt is not counted and not listed. */
  readonly spent: boolean;
  readonly delayMs: number;
}

export type StartReply =
  | { readonly outcome: 'started'; readonly record: JobRecord; readonly takenOver: boolean }
  | { readonly outcome: 'terminal' | 'missing' };

/** A job whose workers were lost this many times is quarantined: its build kills them. */
const maxLost = 2;

const quarantined: JobError = {
  code: 'quarantined',
  detail: `Its worker was lost ${maxLost} times while it ran.`,
  log_tail: [],
};

/** The records of jobs. Every change is one atomic transition (see transition.ts). */
export class JobStore {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor({ redis, keys }: { readonly redis: Redis; readonly keys: Keys }) {
    this.#redis = redis;
    this.#keys = keys;
  }

  async #transition(operation: string, id: string, ...args: (string | number)[]): Promise<TransitionReply> {
    const { base, job, events, undispatched, log } = this.#keys;
    const keys = [job(id), events, undispatched, log(id)];
    return (await transitionScript.run(this.#redis, keys, [base, operation, id, ...args])) as TransitionReply;
  }

  /** Writes a new record, queued. It is not in the queue yet: add it there, then call `dispatched`. */
  async create(id: string, spec: JobSpec, sealedCallbackSecret?: string): Promise<void> {
    const [outcome] = await this.#transition(
      'create',
      id,
      JSON.stringify(withoutCallbackSecret(spec)),
      sealedCallbackSecret ?? '',
      ...indexNames(spec),
    );
    if (outcome !== 'ok') throw new SlipwayError('internal', `The job id ${id} is taken.`);
  }

  /** Notes that jobs are in the queue. */
  async dispatched(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.#redis.zrem(this.#keys.undispatched, ...ids);
  }

  async get(id: string): Promise<JobRecord | undefined> {
    return parseRecord(id, await this.#redis.hgetall(this.#keys.job(id)));
  }

  /** How many records are in a state. */
  async count(state: JobState): Promise<number> {
    return await this.#redis.zcard(this.#keys.index(`state:${state}`));
  }

  /** A page of jobs, newest first. */
  list(filter: JobFilter): Promise<JobPage> {
    return listJobs({ redis: this.#redis, keys: this.#keys, filter });
  }

  /** Begins an attempt. A record found running was held by a worker that is lost: the attempt takes it over. */
  async start(id: string, { token, worker }: { token: string; worker: string }): Promise<StartReply> {
    const reply = await this.#transition('start', id, token, worker, maxLost, JSON.stringify(quarantined));
    if (reply[0] !== 'ok') return { outcome: reply[0] === 'missing' ? 'missing' : 'terminal' };
    const record = parseRecord(id, pairs(reply[2] as string[]));
    if (!record) throw new SlipwayError('internal', `The record of ${id} cannot be read.`);
    return { outcome: 'started', record, takenOver: reply[1] === 'running' };
  }

  /** Notes which replica builds. False when the token is stale. */
  async place(id: string, token: string, replica: string): Promise<boolean> {
    return (await this.#transition('place', id, token, replica))[0] === 'ok';
  }

  /** Ends the job. False when the token is stale or the job has ended: nothing is recorded then. */
  async finish(id: string, token: string, end: AttemptEnd): Promise<boolean> {
    const [outcome, detail, field, body] =
      end.state === 'succeeded'
        ? ['succeeded', '', 'result', JSON.stringify(end.result)]
        : [end.error.code, end.error.detail, 'error', JSON.stringify(end.error)];
    return (await this.#transition('finish', id, token, end.state, outcome, detail, field, body))[0] === 'ok';
  }

  /** Puts the job back to wait. False when the token is stale or the job has ended. */
  async requeue(id: string, token: string, { code, detail, spent, delayMs }: Requeue): Promise<boolean> {
    const args = [token, code, detail, spent ? 1 : 0, Math.round(delayMs)];
    return (await this.#transition('requeue', id, ...args))[0] === 'ok';
  }

  /**
   * `canceled`: it was queued and has ended. `requested`: it runs, and its worker has been told.
   * `terminal`: it had ended before. `missing`: there is no such job.
   */
  async cancel(id: string): Promise<'canceled' | 'requested' | 'terminal' | 'missing'> {
    const [outcome] = await this.#transition('cancel', id);
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

function withoutCallbackSecret(spec: JobSpec): JobSpec {
  return spec.callback ? { ...spec, callback: { url: spec.callback.url } } : spec;
}

/** The indexes a job is found by, besides its state: each a sorted set of ids, which sort by time. */
function indexNames(spec: JobSpec): string[] {
  const reference = parseImageReference(spec.image);
  return [
    ...(reference ? [`image:${imageRepository(reference)}`] : []),
    ...(spec.function ? [`function:${spec.function}`] : []),
    ...Object.entries(spec.labels).map(([name, value]) => `label:${name}=${value}`),
  ];
}

function pairs(flat: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let at = 0; at + 1 < flat.length; at += 2) fields[flat[at] as string] = flat[at + 1] as string;
  return fields;
}

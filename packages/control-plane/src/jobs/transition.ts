import { type Keys, type Redis, type Script, scriptsIn } from '@slipway/shared/redis';
import type { Tracing } from '@slipway/shared/tracing';
import { z } from 'zod';
import { controlPlaneLua } from '../lua/index.js';
import type { RecordFaults } from '../records/index.js';
import type { Dispatch } from './dispatch.js';

const script = scriptsIn(controlPlaneLua, 'jobs/');
const id = { id: z.string() };
const held = { ...id, token: z.string() };
const builder = { replica: z.string(), build: z.string().optional(), slot_ms: z.int() };
const attempt = {
  ...held,
  outcome: z.string(),
  detail: z.string(),
  registry: z.enum(['answered', 'fault']).optional(),
  registry_host: z.string().optional(),
  steps: z.int().optional(),
  cached_steps: z.int().optional(),
  log: z.string().optional(),
};

/**
 * The only way to change a job record. In one atomic step, a transition checks the state machine and the token of the attempt, writes
 * the record, moves the job between the indexes of its state and appends to the event stream.
 *
 *   (none) ──create──▶ queued ──start──▶ running ──finish──▶ succeeded | failed | canceled
 *                        │  ▲               │ │ ▲
 *                        │  └───requeue─────┘ └─┘ start: the queue delivered the job again because its
 *                        │                        worker is lost; the old token is void
 *                        └──cancel, admit──▶ canceled | failed
 *
 * A build that its replica keeps outlives its worker. The attempt stays `running`: the worker that is stopped gives its token up (handOver),
 * and another one gets a new token and continues (attach). Only if the replica has lost the build does `start` begin a new attempt.
 *
 * A job whose image was already built with the same build key may be created `succeeded`. A job that shares the build of an identical
 * job ends as that job does.
 *
 * Terminal states never change. Only the holder of the current token may finish, requeue, place or hand over.
 * The files in lua/jobs describe arguments and outcomes.
 */
export const transitions = {
  create: script('create', {
    tenant: z.string(),
    weight: z.number(),
    batch: z.string().optional(),
    limit: z.int().optional(),
    /** Several jobs, each as lua/jobs/create.lua reads it. */
    jobs: z.array(z.string()),
  }),
  admit: script('admit', { ...id, queue_timeout_ms: z.number(), least_mark: z.int() }),
  start: script('start', {
    ...held,
    worker: z.string(),
    ...builder,
    max_lost: z.int(),
    takes_suspects: z.boolean(),
    least_mark: z.int(),
    lease: z.string().optional(),
    first: z.int().optional(),
  }),
  place: script('place', { ...held, ...builder }),
  attach: script('attach', {
    ...held,
    build: z.string(),
    worker: z.string(),
    takes_suspects: z.boolean(),
    max_deaths: z.int(),
  }),
  handOver: script('hand-over', { ...held, slot_ms: z.int() }),
  finish: script('finish', {
    ...attempt,
    state: z.enum(['succeeded', 'failed', 'canceled']),
    field: z.enum(['result', 'error']),
    body: z.string(),
    base_images: z.string().optional(),
    bases: z.string().optional(),
    bases_hash: z.string().optional(),
    seen: z.array(z.string()),
    cached_result: z.string().optional(),
    log_tail_hash: z.string().optional(),
    log_tail: z.string().optional(),
  }),
  requeue: script('requeue', {
    ...attempt,
    spent: z.boolean(),
    listed: z.boolean(),
    died: z.boolean(),
    placed: z.boolean(),
    delay_ms: z.int(),
    max_lost: z.int(),
  }),
  cancel: script('cancel', { ...id, client: z.string().optional() }),
  claimCanceled: script('claim-canceled', { limit: z.int(), again_ms: z.int() }),
  joinBuild: script('join-build', {
    ...{ request: z.string(), client: z.string(), id: z.string().optional() },
    ...{ client_ms: z.int(), request_ms: z.int() },
  }),
  leaveBuild: script('leave-build', {
    ...{ ...id, request: z.string(), client: z.string(), has_result: z.boolean() },
  }),
  remove: script('remove', { ...id, ended_before: z.number(), indexes: z.array(z.string()) }),
  discard: script('discard', { ...id, indexes: z.array(z.string()) }),
  wakeTenants: script('wake-tenants', { limit: z.int() }),
  wakeRegistries: script('wake-registries', { limit: z.int() }),
  openBatch: script('open-batch', {
    ...id,
    tenant: z.string(),
    total: z.int(),
    on_failure: z.enum(['continue', 'stop']),
    max_running: z.int(),
    labels: z.string(),
    callback: z.string().optional(),
    secret: z.string().optional(),
    retry_of: z.string().optional(),
    campaign: z.string().optional(),
    trace: z.string().optional(),
    bytes: z.int(),
    limit: z.int().optional(),
  }),
  commitBatch: script('commit-batch', id),
  stopBatch: script('stop-batch', { ...id, only_draft: z.boolean() }),
};

/**
 * The outcome of a transition.
 *
 * - `ok`: the change is written.
 * - `exists` (create): the id is taken.
 * - `closed` (create): the batch takes no more jobs.
 * - `source_gone` (create): the source `[1]` was removed.
 * - `values_missing` (create): the record lists values that are not stored.
 * - `full` (create, openBatch): the tenant has no room; `[1]` is the number of bytes that it has.
 * - `missing`: there is no such record, or the job is parked (admit, start).
 * - `terminal`: the job has ended in the state `[1]`.
 * - `stale`: the token is not the current one, or the attempt has no such build (attach).
 * - `log_full` (finish, requeue): the tenant has no room for the log.
 * - `requested` (cancel): the job runs, and its worker must stop it.
 * - `wanted` (cancel): other clients wait for the job.
 * - `wait`: the transition is not possible now.
 * - `no_slot` (start): the build does not hold a slot of the replica.
 * - `held`: another attempt holds its slot, for a number of ms at least.
 */
export type TransitionReply =
  | readonly ['ok', ...unknown[]]
  | readonly [
      | 'exists'
      | 'wanted'
      | 'closed'
      | 'missing'
      | 'stale'
      | 'requested'
      | 'wait'
      | 'values_missing'
      | 'log_full'
      | 'no_slot',
    ]
  | readonly ['terminal' | 'source_gone' | 'full', string]
  | readonly ['held', number];

export interface TransitionOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** Milliseconds since the epoch, by Redis' time. The machine's unless given. */
  readonly now?: (() => number) | undefined;
  /** Receives records that cannot be read. */
  readonly faults?: RecordFaults | undefined;
  /** Adds released jobs to the queue and removes withdrawn ones. Without it, the reconciler adds them seconds later. */
  readonly dispatch?: Pick<Dispatch, 'apply'> | undefined;
  /** Jobs and batches keep the context of the span in which they are created. */
  readonly tracing?: Tracing | undefined;
}

/** Runs a transition. Resolves when the records are written, or with `queue` when the queue has followed them too. */
export type Transition = <Args>(
  transition: Script<Args>,
  args: Args,
  until?: 'records' | 'queue',
) => Promise<TransitionReply>;

/** The reply of a script: its outcome, released jobs, and withdrawn jobs. */
type ScriptReply = readonly [TransitionReply, [string, string, string][], [string, string][]];

/** More jobs than this take some ms to add to the queues. A caller that does not wait for them continues first. */
const manyJobs = 100;

export function createTransition({ redis, keys, dispatch }: TransitionOptions): Transition {
  return async (transition, args, until = 'records') => {
    const reply = await transition.run({ redis, keys }, args);
    const [outcome, released, withdrawn] = reply as ScriptReply;
    const jobs = released.length + withdrawn.length;
    if (!dispatch || jobs === 0) return outcome;
    const apply = () =>
      dispatch.apply({
        released: released.map(([jobId, priority, pool]) => ({
          id: jobId,
          pool,
          priority: Number(priority),
        })),
        withdrawn: withdrawn.map(([jobId, pool]) => ({ id: jobId, pool })),
      });
    if (until === 'queue') await apply();
    else if (jobs > manyJobs) setImmediate(apply);
    else void apply();
    return outcome;
  };
}

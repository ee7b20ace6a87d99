import {
  type BatchRecord,
  type BatchStore,
  bytesOfAll,
  type PlannedRecord,
  type PlanOptions,
  plannedRecord,
} from '@slipway/control-plane/jobs';
import type { SharedMaps } from '@slipway/control-plane/stored';
import type { BatchOptions, JobSpec } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { seal } from '@slipway/shared/signing';
import { type Ids, newIds } from '../idempotency/ids.js';
import { checkCallback } from '../jobs/resolve/callback.js';
import type { SubmitDeps } from '../jobs/submit.js';
import { type Account, checkRoom } from '../tenants/account.js';
import { batchTooLarge } from './items.js';
import { placeItems } from './place-items.js';

export interface SubmitBatchDeps
  extends Pick<SubmitDeps, 'store' | 'sealingKey' | 'maxQueuedJobs' | 'pools' | 'egressAllow'> {
  readonly batches: BatchStore;
}

export interface BatchSubmission {
  /** The specs of the jobs, with all references resolved; see `resolveItems`. */
  readonly specs: readonly JobSpec[];
  /** Map entries of the spec at an index that other jobs share. */
  readonly basesOf?: (at: number) => SharedMaps | undefined;
  readonly options: BatchOptions;
  readonly tenant: Account;
  /** Id of the batch that this batch repeats. */
  readonly retryOf?: string | undefined;
  readonly ids?: Ids | undefined;
}

/** Limit of all specs together, in bytes. Shared parts count once per spec: each spec is parsed, compared and hashed. */
const maxSpecBytes = 160 * 1024 * 1024;

/** Limit of the plans kept in memory, in bytes. Jobs beyond the limit are planned again when they are written. */
const maxKeptBytes = 4 * 1024 * 1024;

interface PlannedJobs {
  /** Bytes of the records of each batch. */
  readonly bytes: readonly number[];
  readonly specBytes: number;
  /** Plans of the first jobs. */
  readonly plans: readonly PlannedRecord[];
}

/** Returns the plans of the jobs of batches of these sizes. Throws `batch_too_large`. */
function planJobs(
  specs: readonly JobSpec[],
  sizes: readonly number[],
  creation: (at: number) => PlanOptions,
): PlannedJobs {
  let specBytes = 0;
  let next = 0;
  const plans: PlannedRecord[] = [];
  const bytes = sizes.map((size) => {
    const first = next;
    next += size;
    const planned = specs.slice(first, next).map((spec, offset) => {
      const plan = plannedRecord(spec, creation(first + offset));
      const { bytes: own, stored, text } = plan;
      specBytes += text.length;
      for (const value of stored.values.values()) specBytes += value.length;
      if (specBytes > maxSpecBytes) throw batchTooLarge(maxSpecBytes);
      if (specBytes <= maxKeptBytes) plans.push(plan);
      return { bytes: own, stored };
    });
    return bytesOfAll(planned);
  });
  return { bytes, specBytes, plans };
}

/** Limit of spec bytes written in one step of Redis. */
const maxBytesAtOnce = 1024 * 1024;
/** Jobs written in one step of Redis, so that it serves other clients in between. */
const atOnce = 25;
/** Steps on their way: Redis writes jobs while this process prepares the next ones. */
const stepsAhead = 2;

/**
 * Returns the batch that an earlier try of the request made, if that try accepted it. A batch that was not accepted is canceled, and
 * `ids` are renewed.
 */
export async function earlierBatch(
  ids: Ids,
  { batches }: Pick<SubmitBatchDeps, 'batches'>,
): Promise<BatchRecord | undefined> {
  if (!ids.used) return undefined;
  const id = ids.next('batch');
  // A slow process may accept the batch between the two calls.
  await batches.giveUp(id);
  const record = await batches.get(id);
  if (record?.committed) return record;
  await ids.renew();
  return undefined;
}

/**
 * Accepts all jobs of a batch or none. Once this resolves, each job reaches a terminal state even if processes die. No build starts
 * before that. If the process dies earlier, the written jobs are canceled after a minute.
 * Throws `batch_too_large`, `stored_quota_exceeded`, `batch_invalid` when the tenant may not build a job or no pool can, and
 * `queue_full` or `tenant_queue_full` when the queue has no room for all jobs.
 */
export async function submitBatch(submission: BatchSubmission, deps: SubmitBatchDeps): Promise<BatchRecord> {
  const { batches } = deps;
  const { ids = newIds(), specs } = submission;
  const drafts = await planDrafts(submission, [specs.length], deps);
  const id = ids.next('batch');
  try {
    await drafts.write(0, id, ids);
    const record = await batches.commit(id);
    if (record) return record;
    throw new SlipwayError('batch_closed', `The batch ${id} was canceled before all its jobs were written.`);
  } catch (error) {
    // If this fails too, the leading worker cleans up.
    await batches.giveUp(id).catch(() => undefined);
    throw error;
  }
}

/** Jobs that were checked and fit the queue, to be written as one or more batches. */
interface Drafts {
  /** Writes a batch with its jobs as a draft. Returns the ids of the jobs. Rejects when all steps on their way have ended. */
  write(at: number, id: string, ids: Ids, campaign?: string): Promise<readonly string[]>;
}

/** Checks all jobs, and divides them into batches of these sizes. Throws the errors of `submitBatch`. */
export async function planDrafts(
  { specs, basesOf = () => undefined, options, tenant, retryOf }: Omit<BatchSubmission, 'ids'>,
  sizes: readonly number[],
  { store, batches, pools, sealingKey, maxQueuedJobs, egressAllow }: SubmitBatchDeps,
): Promise<Drafts> {
  checkCallback(options.callback, tenant.name, egressAllow);
  const chosen = await pools.decide((known) => placeItems(specs, tenant, known));
  await checkRoom(specs.length, tenant, { store, maxQueuedJobs });
  const { maxStoredBytes } = tenant;
  const creation = (at: number) => ({ tenant, bases: basesOf(at), ...chosen[at] });
  const { bytes, specBytes, plans } = planJobs(specs, sizes, creation);
  const most = Math.max(1, Math.min(atOnce, Math.floor((specs.length * maxBytesAtOnce) / (specBytes + 1))));
  const sealed = (secret: string | undefined, owner: string) =>
    secret === undefined ? undefined : seal(sealingKey, secret, owner);
  const known = new Set<string>();
  return {
    async write(batch, id, ids, campaign) {
      const first = sizes.slice(0, batch).reduce((sum, size) => sum + size, 0);
      const total = sizes[batch] ?? 0;
      await batches.open(id, {
        ...{ tenant, total, options, retryOf, campaign, maxStoredBytes },
        sealedCallbackSecret: sealed(options.callback?.secret, id),
        bytes: bytes[batch] ?? 0,
      });
      const jobIds: string[] = [];
      const steps: Promise<void>[] = [];
      try {
        // Only the first job carries the parts that it shares with the others.
        for (let at = first, count = 1; at < first + total; at += count, count = most) {
          const jobs = specs.slice(at, Math.min(at + count, first + total)).map((spec, offset) => {
            const jobId = ids.next('job');
            jobIds.push(jobId);
            const planned = plans[at + offset] ?? plannedRecord(spec, creation(at + offset));
            return { id: jobId, spec, planned, sealedCallbackSecret: sealed(spec.callback?.secret, jobId) };
          });
          const step = batches.addJobs(id, jobs, { tenant, known, maxStoredBytes });
          // The caller receives the error when it waits for the step. Until then it must not count as an unhandled rejection.
          step.catch(() => undefined);
          steps.push(step);
          if (at === first || steps.length > stepsAhead) await steps.shift();
        }
        await Promise.all(steps);
      } finally {
        await Promise.allSettled(steps);
      }
      return jobIds;
    },
  };
}

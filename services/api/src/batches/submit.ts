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
  /** The jobs, with everything looked up; see `resolveItems`. */
  readonly specs: readonly JobSpec[];
  /** Entries of the maps of the spec at an index that other jobs have too. */
  readonly basesOf?: (at: number) => SharedMaps | undefined;
  readonly options: BatchOptions;
  readonly tenant: Account;
  /** The batch that it repeats. */
  readonly retryOf?: string | undefined;
  readonly ids?: Ids | undefined;
}

/** Of all specs with what they share, counted for each of them: it is read, compared and hashed for each. */
const maxSpecBytes = 160 * 1024 * 1024;

/** Plans are kept for the first jobs whose specs take no more than this together; the other jobs are planned again when they are written. */
const maxKeptBytes = 4 * 1024 * 1024;

interface PlannedJobs {
  /** What the records will take. */
  readonly bytes: number;
  readonly specBytes: number;
  /** The plans of the first jobs. */
  readonly plans: readonly PlannedRecord[];
}

/** Throws `batch_too_large`. */
function planJobs(specs: readonly JobSpec[], creation: (at: number) => PlanOptions): PlannedJobs {
  let specBytes = 0;
  const plans: PlannedRecord[] = [];
  const planned = specs.map((spec, at) => {
    const plan = plannedRecord(spec, creation(at));
    const { bytes, stored, text } = plan;
    specBytes += text.length;
    for (const value of stored.values.values()) specBytes += value.length;
    if (specBytes > maxSpecBytes) throw batchTooLarge(maxSpecBytes);
    if (specBytes <= maxKeptBytes) plans.push(plan);
    return { bytes, stored };
  });
  return { bytes: bytesOfAll(planned), specBytes, plans };
}

/** Of the specs of records that are written at once: each is hashed, and others wait meanwhile. */
const maxBytesAtOnce = 4 * 1024 * 1024;
/** So many records are written at once, so that Redis can answer others in between. */
const atOnce = 250;

/**
 * The batch that an earlier try of the request has made, if that got as far as accepting it. One that was not accepted is given up, and `ids` are
 * others from then on.
 */
export async function earlierBatch(
  ids: Ids,
  { batches }: Pick<SubmitBatchDeps, 'batches'>,
): Promise<BatchRecord | undefined> {
  if (!ids.used) return undefined;
  const id = ids.next('batch');
  // Between the two it may be accepted, by a process that was only slow.
  await batches.giveUp(id);
  const record = await batches.get(id);
  if (record?.committed) return record;
  await ids.renew();
  return undefined;
}

/**
 * Accepts a batch, all of it or nothing: once this resolves each job will reach a terminal state, whatever dies. Nothing is
 * built before that; what a process leaves that dies on the way is canceled a minute later.
 * Throws `batch_too_large`, `stored_quota_exceeded`, `batch_invalid` when the tenant may not have some of them built or no pool builds them, and `queue_full` or `tenant_queue_full` when not all of its jobs may wait.
 */
export async function submitBatch(
  { specs, basesOf = () => undefined, options, tenant, retryOf, ids = newIds }: BatchSubmission,
  { store, batches, pools, sealingKey, maxQueuedJobs, egressAllow }: SubmitBatchDeps,
): Promise<BatchRecord> {
  checkCallback(options.callback, tenant.name, egressAllow);
  const chosen = await pools.decide((known) => placeItems(specs, tenant, known));
  await checkRoom(specs.length, tenant, { store, maxQueuedJobs });
  const { maxStoredBytes } = tenant;
  const creation = (at: number) => ({ tenant, bases: basesOf(at), ...chosen[at] });
  const { bytes, specBytes, plans } = planJobs(specs, creation);
  const most = Math.max(1, Math.min(atOnce, Math.floor((specs.length * maxBytesAtOnce) / (specBytes + 1))));
  const id = ids.next('batch');
  const sealed = (secret: string | undefined, owner: string) =>
    secret === undefined ? undefined : seal(sealingKey, secret, owner);
  await batches.open(id, {
    tenant,
    total: specs.length,
    options,
    sealedCallbackSecret: sealed(options.callback?.secret, id),
    retryOf,
    bytes,
    maxStoredBytes,
  });
  const known = new Set<string>();
  try {
    // The first one alone brings what the others share with it.
    for (let at = 0, count = 1; at < specs.length; at += count, count = most) {
      await Promise.all(
        specs.slice(at, at + count).map(async (spec, offset) => {
          const jobId = ids.next('job');
          const sealedCallbackSecret = sealed(spec.callback?.secret, jobId);
          await store.create(jobId, spec, {
            ...creation(at + offset),
            planned: plans[at + offset],
            ...{ batch: id, sealedCallbackSecret, known, maxStoredBytes },
          });
        }),
      );
    }
    if (!(await batches.commit(id))) {
      throw new SlipwayError('batch_closed', `The batch ${id} was given up before it was written.`);
    }
  } catch (error) {
    // If this fails too, the leading worker does it.
    await batches.giveUp(id).catch(() => undefined);
    throw error;
  }
  const record = await batches.get(id);
  if (!record) throw new SlipwayError('internal', `The record of ${id} is gone.`);
  return record;
}

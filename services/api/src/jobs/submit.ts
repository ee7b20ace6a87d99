import type { JobRecord, JobStore } from '@slipway/control-plane/jobs';
import type { SharedMaps } from '@slipway/control-plane/stored';
import type { Fields } from '@slipway/shared/config';
import type { JobRequest, JobSpec } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { type SealingKey, seal } from '@slipway/shared/signing';
import { type Ids, newIds } from '../idempotency/ids.js';
import { type Account, checkAllowed, checkRoom, usualPriority } from '../tenants/account.js';
import type { KnownPools } from './resolve/known-pools.js';
import { choosePool } from './resolve/pool.js';
import { type ResolveDeps, resolveRequest } from './resolve.js';

export interface JobsConfig {
  readonly maxQueuedJobs: number;
}

export function jobsConfig(fields: Fields): JobsConfig {
  return {
    maxQueuedJobs: fields.int('MAX_QUEUED_JOBS', {
      doc: 'Limit of waiting jobs. Beyond it `POST /v1/jobs` answers 429 `queue_full`',
      default: 100_000,
      min: 1,
    }),
  };
}

export interface SubmitDeps extends ResolveDeps, JobsConfig {
  readonly store: JobStore;
  readonly pools: KnownPools;
  /** Seals the secrets of callbacks for storage. */
  readonly sealingKey: SealingKey;
}

/**
 * Accepts a job. Once this resolves, the job reaches a terminal state even if processes die. Throws the errors of `checkAllowed`,
 * `checkRoom` and `resolveRequest`.
 */
export async function submitJob(
  request: JobRequest,
  tenant: Account,
  deps: SubmitDeps,
  ids: Ids = newIds(),
): Promise<JobRecord> {
  // Checked before anything is fetched or stored for the job.
  checkAllowed({ ...request, priority: request.priority ?? usualPriority(tenant) }, tenant);
  return await submitOnce(ids, deps, async (id) => {
    const [spec] = await Promise.all([resolveRequest(request, tenant, deps), checkRoom(1, tenant, deps)]);
    return await submitSpec(id, spec, tenant, deps);
  });
}

/** Accepts a job whose references are resolved already. */
export async function resubmit(
  spec: JobSpec,
  tenant: Account,
  deps: Pick<SubmitDeps, 'store' | 'pools' | 'sealingKey' | 'maxQueuedJobs'>,
  { ids = newIds(), bases }: { readonly ids?: Ids; readonly bases?: SharedMaps | undefined } = {},
): Promise<JobRecord> {
  checkAllowed(spec, tenant);
  return await submitOnce(ids, deps, async (id) => {
    await checkRoom(1, tenant, deps);
    return await submitSpec(id, spec, tenant, { ...deps, bases });
  });
}

/** Returns the job of an earlier try if that try created it. */
async function submitOnce(
  ids: Ids,
  { store }: Pick<SubmitDeps, 'store'>,
  submit: (id: string) => Promise<JobRecord>,
): Promise<JobRecord> {
  const id = ids.next('job');
  const made = ids.used ? await store.get(id) : undefined;
  return made ?? (await submit(id));
}

/** Throws the errors of `choosePool`, and `stored_quota_exceeded`. */
async function submitSpec(
  id: string,
  spec: JobSpec,
  tenant: Account,
  deps: Pick<SubmitDeps, 'store' | 'pools' | 'sealingKey'> & {
    readonly bases?: SharedMaps | undefined;
  },
): Promise<JobRecord> {
  const { store, pools, sealingKey, bases } = deps;
  const placed = await pools.decide((known) => choosePool(spec, known, tenant.settings.pools));
  const secret = spec.callback?.secret;
  const sealedCallbackSecret = secret === undefined ? undefined : seal(sealingKey, secret, id);
  const record = await store.create(id, spec, {
    ...{ tenant, ...placed, sealedCallbackSecret, bases },
    maxStoredBytes: tenant.maxStoredBytes,
  });
  if (!record) throw new SlipwayError('internal', `The record of ${id} is gone.`);
  return record;
}

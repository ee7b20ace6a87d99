import type { JobRequest, JobSpec } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { newId } from '@slipway/shared/ids';
import type { Dispatcher, JobRecord, JobStore } from '@slipway/shared/jobs';
import { seal } from '@slipway/shared/signing';
import { type Account, checkAllowed, checkRoom } from '../tenants/account.js';
import type { KnownPools } from './resolve/known-pools.js';
import { choosePool } from './resolve/pool.js';
import { type ResolveDeps, resolveRequest } from './resolve.js';

export interface SubmitDeps extends ResolveDeps {
  readonly store: JobStore;
  readonly pools: KnownPools;
  readonly dispatch: Dispatcher;
  /** Seals the secrets of callbacks for storage. */
  readonly sealingKey: Buffer;
  readonly maxQueuedJobs: number;
}

/** Accepts a job: once this resolves it will reach a terminal state, whatever dies. */
export async function submitJob(request: JobRequest, tenant: Account, deps: SubmitDeps): Promise<JobRecord> {
  const [spec] = await Promise.all([resolveRequest(request, tenant, deps), checkRoom(1, tenant, deps)]);
  return await submitSpec(spec, tenant, deps);
}

/** The same, of what has been looked up before and for which there is room. Throws what `checkAllowed` and `choosePool` throw. */
export async function submitSpec(
  spec: JobSpec,
  tenant: Account,
  { store, pools, dispatch, sealingKey }: Pick<SubmitDeps, 'store' | 'pools' | 'dispatch' | 'sealingKey'>,
): Promise<JobRecord> {
  checkAllowed(spec, tenant);
  const placed = await pools.decide((known) => choosePool(spec, known));
  const id = newId('job');
  const secret = spec.callback?.secret;
  const sealedCallbackSecret = secret === undefined ? undefined : seal(sealingKey, secret, id);
  const created = await store.create(id, spec, { tenant, ...placed, sealedCallbackSecret });
  const [record] = await Promise.all([store.get(id), dispatch(created.dispatch ? [created] : [])]);
  if (!record) throw new SlipwayError('internal', `The record of ${id} is gone.`);
  return record;
}

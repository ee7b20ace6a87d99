import type { JobSpec, TenantSettings } from '@slipway/shared/contracts';
import { priorityClasses } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import type { JobStore, Tenant } from '@slipway/shared/jobs';
import { mayPushTo, type TenantRecord } from '@slipway/shared/tenants';

/** A tenant with what it may do. */
export interface Account extends Tenant {
  readonly settings: Pick<TenantSettings, 'highest_priority' | 'limits' | 'images' | 'pools'>;
}

export function toAccount({ name, settings }: TenantRecord): Account {
  return { name, weight: settings.weight, settings };
}

/** Whether it may have jobs built in a pool, and see it. */
export const usesPool = ({ settings: { pools } }: Pick<Account, 'settings'>, name: string): boolean =>
  pools === undefined || pools.includes(name);

/** The class of a job that names none: `normal`, or the tenant's highest where that is lower. */
export function usualPriority({ settings: { highest_priority } }: Account): JobSpec['priority'] {
  return highest_priority === 'low' ? 'low' : 'normal';
}

/** Throws `image_not_allowed` or `priority_not_allowed` for a job that the tenant may not have built. */
export function checkAllowed(
  { image, push, priority }: Pick<JobSpec, 'image' | 'push' | 'priority'>,
  { name, settings: { images, highest_priority } }: Account,
): void {
  if (push && !mayPushTo(images, image)) {
    const places = images.length === 0 ? 'nowhere' : `to ${images.join(', ')}`;
    const message = `${name} may push ${places}, not to ${image}`;
    throw new SlipwayError('image_not_allowed', `${message}.`, { errors: [{ path: '/image', message }] });
  }
  if (priorityClasses.indexOf(priority) < priorityClasses.indexOf(highest_priority)) {
    const message = `${name} may submit jobs of the class ${highest_priority} at most, not ${priority}`;
    throw new SlipwayError('priority_not_allowed', `${message}.`, {
      errors: [{ path: '/priority', message }],
    });
  }
}

interface RoomDeps {
  readonly store: Pick<JobStore, 'count' | 'countQueuedOf'>;
  /** For all tenants together. */
  readonly maxQueuedJobs: number;
}

const retryAfter = 30;

/** Throws `queue_full` or `tenant_queue_full` when so many more jobs may not wait. */
export async function checkRoom(
  jobs: number,
  { name, settings: { limits } }: Account,
  { store, maxQueuedJobs }: RoomDeps,
): Promise<void> {
  const [all, own] = await Promise.all([
    store.count('queued'),
    limits.queued_jobs === undefined ? 0 : store.countQueuedOf(name),
  ]);
  if (limits.queued_jobs !== undefined && own + jobs > limits.queued_jobs) {
    const detail = `No more than ${limits.queued_jobs} jobs of ${name} may wait; ${own} do.`;
    throw new SlipwayError('tenant_queue_full', detail, { retryAfter });
  }
  if (all + jobs > maxQueuedJobs) {
    throw new SlipwayError('queue_full', `No more than ${maxQueuedJobs} jobs may wait.`, { retryAfter });
  }
}

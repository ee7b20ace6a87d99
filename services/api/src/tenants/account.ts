import type { JobStore, Tenant } from '@slipway/control-plane/jobs';
import { mayPushTo, type TenantRecord } from '@slipway/control-plane/tenants';
import type { JobSpec, TenantSettings } from '@slipway/shared/contracts';
import { argumentRule, canonicalImage, defaultTenantName, priorityClasses } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';

/** A tenant with what it may do. */
export interface Account extends Tenant {
  readonly settings: Pick<
    TenantSettings,
    'highest_priority' | 'limits' | 'images' | 'pools' | 'proxy_arguments'
  >;
  /** Bytes of Redis that it may have. */
  readonly maxStoredBytes: number;
}

/** `tenantStoredBytes`: what a tenant may have in Redis whose settings do not say. */
export function toAccount({ name, settings }: TenantRecord, tenantStoredBytes: number): Account {
  const maxStoredBytes = settings.limits.stored_bytes ?? tenantStoredBytes;
  return { name, weight: settings.weight, settings, maxStoredBytes };
}

/** Whether it may have jobs built in a pool, and see it. */
export const usesPool = ({ settings: { pools } }: Pick<Account, 'settings'>, name: string): boolean =>
  pools === undefined || pools.includes(name);

/** The class of a job that names none: `normal`, or the tenant's highest where that is lower. */
export function usualPriority({ settings: { highest_priority } }: Account): JobSpec['priority'] {
  return highest_priority === 'low' ? 'low' : 'normal';
}

/** What is checked of a job. Of build secrets that are not resolved yet, which are a text, nothing is. */
interface Wanted extends Pick<JobSpec, 'image' | 'push' | 'priority' | 'build_args' | 'tags'> {
  readonly secrets?: { readonly names: readonly string[] } | string | undefined;
}

/**
 * Throws `image_not_allowed`, `priority_not_allowed`, `build_argument_not_allowed` or `build_secret_not_allowed` for a job that the
 * tenant may not have built, and `image_invalid` when one of its tags is its image.
 */
export function checkAllowed(wanted: Wanted, account: Account): void {
  const { push, priority, build_args, secrets } = wanted;
  const {
    name,
    settings: { highest_priority },
  } = account;
  checkTags(wanted);
  if (push) checkImages(wanted, account);
  if (priorityClasses.indexOf(priority) < priorityClasses.indexOf(highest_priority)) {
    const message = `${name} may submit jobs of the class ${highest_priority} at most, not ${priority}`;
    throw new SlipwayError('priority_not_allowed', `${message}.`, {
      errors: [{ path: '/priority', message }],
    });
  }
  checkArguments(build_args, account);
  if (typeof secrets === 'object') checkSecrets(secrets.names, name);
}

/** Throws `image_invalid` with the tag that is the image itself, in any spelling. */
function checkTags({ image, tags = [] }: Wanted): void {
  const at = tags.findIndex((tag) => canonicalImage(tag) === canonicalImage(image));
  if (at < 0) return;
  const message = `names ${tags[at]}, which is the image itself`;
  throw new SlipwayError('image_invalid', `body/tags/${at} ${message}.`, {
    errors: [{ path: `/tags/${at}`, message }],
  });
}

/** Throws `image_not_allowed` with each reference that the tenant may not push to. */
function checkImages({ image, tags = [] }: Wanted, { name, settings: { images } }: Account): void {
  const places = images.length === 0 ? 'nowhere' : `to ${images.join(', ')}`;
  const references = [
    { path: '/image', image },
    ...tags.map((tag, at) => ({ path: `/tags/${at}`, image: tag })),
  ];
  const errors = references
    .filter((each) => !mayPushTo(images, each.image))
    .map((each) => ({ path: each.path, message: `${name} may push ${places}, not to ${each.image}` }));
  const [first] = errors;
  if (first) throw new SlipwayError('image_not_allowed', `${first.message}.`, { errors });
}

/** Throws `build_argument_not_allowed` with every argument that the tenant may not give. */
function checkArguments(args: JobSpec['build_args'], { name, settings }: Account): void {
  if (name === defaultTenantName) return;
  const errors = Object.keys(args).flatMap((argument) => {
    const rule = argumentRule(argument);
    if (rule !== 'fetch' && (rule !== 'proxy' || settings.proxy_arguments)) return [];
    return [
      { path: `/build_args/${argument}`, message: `${name} may not give the build argument ${argument}` },
    ];
  });
  const [first] = errors;
  if (first) throw new SlipwayError('build_argument_not_allowed', `${first.message}.`, { errors });
}

/** Throws `build_secret_not_allowed` with every secret that BuildKit would fetch sources with, which it then shares with other tenants. */
export function checkSecrets(names: readonly string[], tenant: string): void {
  if (tenant === defaultTenantName) return;
  const errors = names
    .filter((secret) => argumentRule(secret) === 'fetch')
    .map((secret) => ({
      path: '/secrets',
      message: `${tenant} may not give a build secret named ${secret}`,
    }));
  const [first] = errors;
  if (first) throw new SlipwayError('build_secret_not_allowed', `${first.message}.`, { errors });
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

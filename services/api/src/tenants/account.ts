import type { JobStore, Tenant } from '@slipway/control-plane/jobs';
import { mayPushTo, type TenantRecord } from '@slipway/control-plane/tenants';
import type { JobSpec, TenantSettings } from '@slipway/shared/contracts';
import { argumentRule, canonicalImage, defaultTenantName, priorityClasses } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';

/** A tenant with its limits and permissions. */
export interface Account extends Tenant {
  readonly settings: Pick<
    TenantSettings,
    'highest_priority' | 'limits' | 'images' | 'pools' | 'proxy_arguments'
  >;
  /** Quota of Redis bytes. */
  readonly maxStoredBytes: number;
}

/** Returns the account of a tenant. `tenantStoredBytes`: the default quota of Redis bytes. */
export function toAccount({ name, settings }: TenantRecord, tenantStoredBytes: number): Account {
  const maxStoredBytes = settings.limits.stored_bytes ?? tenantStoredBytes;
  return { name, weight: settings.weight, settings, maxStoredBytes };
}

/** Returns true if the tenant may see the pool and build in it. */
export const usesPool = ({ settings: { pools } }: Pick<Account, 'settings'>, name: string): boolean =>
  pools === undefined || pools.includes(name);

/** Returns the class of a job that names none: `normal`, or the tenant's highest class if that is lower. */
export function usualPriority({ settings: { highest_priority } }: Account): JobSpec['priority'] {
  return highest_priority === 'low' ? 'low' : 'normal';
}

/** The fields of a job that are checked. Build secrets that are still a text are not checked. */
interface Wanted extends Pick<JobSpec, 'image' | 'push' | 'priority' | 'build_args' | 'tags'> {
  readonly secrets?: { readonly names: readonly string[] } | string | undefined;
}

/**
 * Throws `image_not_allowed`, `priority_not_allowed`, `build_argument_not_allowed` or `build_secret_not_allowed` for a job that the
 * tenant may not build, and `image_invalid` when one of its tags is its image.
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

/**
 * Throws `build_secret_not_allowed` with every secret that BuildKit would use to fetch sources: it shares these sources with other
 * tenants.
 */
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
  /** Limit for all tenants together. */
  readonly maxQueuedJobs: number;
}

const retryAfter = 30;

/** Throws `queue_full` or `tenant_queue_full` when the queue has no room for that many more jobs. */
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
    const detail = `The limit of ${name} is ${limits.queued_jobs} waiting jobs; ${own} wait.`;
    throw new SlipwayError('tenant_queue_full', detail, { retryAfter });
  }
  if (all + jobs > maxQueuedJobs) {
    throw new SlipwayError('queue_full', `The limit is ${maxQueuedJobs} waiting jobs.`, { retryAfter });
  }
}

import { readFile } from 'node:fs/promises';
import { ApiError, type Client, type Tenant, type TenantSettings } from '@slipway/client';
import type { PriorityClass } from '@slipway/shared/contracts';
import { formatBytes } from '@slipway/shared/formatting';
import { parse } from 'yaml';
import type { CommandContext, CommonOptions } from '../command-context.js';
import { CommandError } from '../command-error.js';
import { connect } from '../connection/connection.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import { shown, table } from '../terminal/text.js';

/** Returns the facts about a tenant as rows. */
function tenantFacts({ usage, limits = {}, ...tenant }: Tenant): string[][] {
  const of = (
    most: number | undefined,
    used: number | undefined,
    shown: (value: number) => string = String,
  ) => `${used === undefined ? '' : `${shown(used)} of `}${most === undefined ? 'any number' : shown(most)}`;
  return [
    ['  weight', String(tenant.weight)],
    ['  highest priority', tenant.highest_priority ?? '-'],
    ['  may push to', tenant.images.join(', ') || 'nowhere'],
    ['  builds in', tenant.pools?.join(', ') ?? 'any pool'],
    ['  proxies', mayGiveProxies(tenant) ? 'may be given as build arguments' : 'refused'],
    ['  changed base images', followsBaseImages(tenant)],
    ['  queued jobs', of(limits.queued_jobs, usage?.queued_jobs)],
    ['  running jobs', of(limits.running_jobs, usage?.running_jobs)],
    ['  sources', of(limits.source_bytes, usage?.source_bytes, formatBytes)],
    ['  records', of(limits.stored_bytes ?? usage?.max_stored_bytes, usage?.stored_bytes, formatBytes)],
    ['  requests a minute', of(limits.requests_per_minute, undefined)],
    ['  managed by', tenant.managed_by],
  ];
}

/** Returns true when jobs of the tenant may give proxy arguments, as those of `default` always may. */
const mayGiveProxies = ({ name, proxy_arguments }: Pick<Tenant, 'name' | 'proxy_arguments'>) =>
  name === 'default' || proxy_arguments === true;

/** Formats what happens when a base image changes. */
function followsBaseImages({ base_image_changes: changes }: Pick<Tenant, 'base_image_changes'>): string {
  if (changes?.action !== 'rebuild') return 'cause an event';
  const { canary, size = '100%' } = changes.waves ?? { canary: 5, size: '25%' };
  return `start a campaign: ${canary === undefined ? '' : `${canary} functions, then `}${size} at a time`;
}

export async function listTenants(
  options: CommonOptions,
  { terminal: { out }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  const tenants: Tenant[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.listTenants({
      query: { limit: 200, ...(cursor !== undefined && { cursor }) },
    });
    tenants.push(...page.tenants);
    cursor = page.next_cursor;
  } while (cursor !== undefined);
  if (options.json) out.line(JSON.stringify(tenants));
  else {
    const rows = tenants.map(({ name, weight, images, usage, managed_by }) => [
      ...[name, String(weight), String(usage?.queued_jobs ?? '-'), String(usage?.running_jobs ?? '-')],
      ...[
        usage === undefined ? '-' : formatBytes(usage.source_bytes),
        images.join(' ') || 'nowhere',
        managed_by,
      ],
    ]);
    for (const row of table([
      ['TENANT', 'WEIGHT', 'QUEUED', 'RUNNING', 'SOURCES', 'MAY PUSH TO', 'BY'],
      ...rows,
    ]))
      out.line(row);
  }
  return exitCodes.ok;
}

export async function showTenant(
  name: string,
  options: CommonOptions,
  { terminal: { out }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  const tenant = await client.getTenant({ name });
  if (options.json) out.line(JSON.stringify(tenant));
  else {
    out.line(tenant.name);
    for (const row of table(tenantFacts(tenant))) out.line(row);
  }
  return exitCodes.ok;
}

/** A number, or `none` for no limit. */
type Limit = number | 'none';

export interface SetTenantOptions extends CommonOptions {
  readonly file?: string;
  readonly image?: readonly string[];
  /** Pool names. `any` alone stands for all pools. */
  readonly pool?: readonly string[];
  readonly weight?: number;
  readonly highestPriority?: PriorityClass;
  readonly proxyArguments?: boolean;
  readonly baseImageChanges?: 'notify' | 'rebuild';
  readonly queuedJobs?: Limit;
  readonly runningJobs?: Limit;
  readonly sourceBytes?: Limit;
  readonly storedBytes?: Limit;
  readonly requestsPerMinute?: Limit;
}

/** Creates or updates a tenant. Settings that are not given stay as they are. A file replaces all settings. */
export async function setTenant(
  name: string,
  options: SetTenantOptions,
  { terminal: { out, err }, env }: CommandContext,
): Promise<ExitCode> {
  const { file } = options;
  const changes = changesOf(options);
  if (file !== undefined && Object.keys(changes).length > 0) {
    throw new CommandError({
      message: '--file replaces all settings, so no other option can be given',
      exitCode: exitCodes.usage,
    });
  }
  const given = file === undefined ? undefined : await readSettings(file);
  const client = await connect({ options, env });
  const settings = given ?? merged(name, await existing(client, name), changes);
  const tenant = await client.putTenant({ name, settings });
  if (options.json) out.line(JSON.stringify(tenant));
  else {
    err.line(tenant.name);
    for (const row of table(tenantFacts(tenant))) err.line(row);
  }
  return exitCodes.ok;
}

interface Changes extends Omit<Partial<TenantSettings>, 'limits'> {
  readonly limits?: Readonly<Record<string, Limit>>;
  /** Undefined removes the limit. */
  readonly pools?: string[];
}

function changesOf(options: SetTenantOptions): Changes {
  const { image, pool, weight, highestPriority, proxyArguments, baseImageChanges } = options;
  const limits = Object.entries({
    queued_jobs: options.queuedJobs,
    running_jobs: options.runningJobs,
    source_bytes: options.sourceBytes,
    stored_bytes: options.storedBytes,
    requests_per_minute: options.requestsPerMinute,
  }).flatMap(([limit, value]) => (value === undefined ? [] : [[limit, value] as const]));
  return {
    ...(image !== undefined && { images: [...image] }),
    ...(pool !== undefined && { pools: pool.filter((name) => name !== 'any') }),
    ...(weight !== undefined && { weight }),
    ...(highestPriority !== undefined && { highest_priority: highestPriority }),
    ...(proxyArguments !== undefined && { proxy_arguments: proxyArguments }),
    ...(baseImageChanges !== undefined && { base_image_changes: { action: baseImageChanges } }),
    ...(limits.length > 0 && { limits: Object.fromEntries(limits) }),
  };
}

async function existing(client: Client, name: string): Promise<Tenant | undefined> {
  try {
    return await client.getTenant({ name });
  } catch (error) {
    if (error instanceof ApiError && error.code === 'not_found') return undefined;
    throw error;
  }
}

function merged(
  name: string,
  before: Tenant | undefined,
  { limits, pools = before?.pools ?? [], base_image_changes, ...changes }: Changes,
): TenantSettings {
  const images = changes.images ?? before?.images;
  if (images === undefined) {
    throw new CommandError({
      message: `the tenant ${name} does not exist, and creating it needs an image that it may push to`,
      remedy: 'Add --image, e.g. --image registry.example.com/team/',
      exitCode: exitCodes.usage,
    });
  }
  const onBaseImage = { ...before?.base_image_changes, ...base_image_changes };
  const all: Readonly<Record<string, Limit>> = { ...before?.limits, ...limits };
  return {
    ...(before?.weight !== undefined && { weight: before.weight }),
    ...(before?.highest_priority !== undefined && { highest_priority: before.highest_priority }),
    ...(before?.proxy_arguments !== undefined && { proxy_arguments: before.proxy_arguments }),
    ...changes,
    ...(onBaseImage.action !== undefined && {
      base_image_changes: { ...onBaseImage, action: onBaseImage.action },
    }),
    images,
    ...(pools.length > 0 && { pools }),
    limits: Object.fromEntries(
      Object.entries(all).flatMap(([limit, value]) => (value === 'none' ? [] : [[limit, value] as const])),
    ),
  };
}

export async function deleteTenant(
  name: string,
  options: CommonOptions,
  { terminal: { out, err }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  await client.deleteTenant({ name });
  if (options.json) out.line(JSON.stringify({ name }));
  else err.line(`${name} is gone, with its tokens, payload secrets and webhook endpoints. Its jobs stay.`);
  return exitCodes.ok;
}

/** Reads the settings of a tenant from a YAML or JSON file. The server validates them. */
async function readSettings(path: string): Promise<TenantSettings> {
  const refuse = (what: string) =>
    new CommandError({ message: `${path} cannot be used: ${what}`, exitCode: exitCodes.usage });
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw refuse(error.code === 'ENOENT' ? 'file not found' : String(error.code));
  });
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    throw refuse((error as Error).message);
  }
  if (value === null || typeof value !== 'object') throw refuse('it does not hold settings');
  return value as TenantSettings;
}

/** Shows the tenant of the token, its rights and its usage. */
export async function whoami(
  options: CommonOptions,
  { terminal: { out }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  const { tenant, token } = await client.whoami();
  if (options.json) {
    out.line(JSON.stringify({ tenant, token }));
    return exitCodes.ok;
  }
  out.line(tenant.name);
  const facts = [
    ['  token', token.description === undefined ? token.id : `${token.id}, ${shown(token.description)}`],
    ['  scopes', token.scopes.join(', ')],
    ['  expires', token.expires_at ?? 'never'],
    ...tenantFacts(tenant),
  ];
  for (const row of table(facts)) out.line(row);
  return exitCodes.ok;
}

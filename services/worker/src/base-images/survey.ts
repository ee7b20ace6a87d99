import {
  type BaseState,
  type BaseUse,
  type BaseUser,
  functionsBehind,
  readBaseUses,
} from '@slipway/control-plane/functions';
import type { RecordFaults } from '@slipway/control-plane/records';
import type { TenantStore } from '@slipway/control-plane/tenants';
import { defaultTenantName, parseImageReference } from '@slipway/shared/contracts';
import type { Keys, Redis } from '@slipway/shared/redis';

interface SurveyOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly tenants: Pick<TenantStore, 'list'>;
  readonly faults: RecordFaults;
}

/** A base image with the tenants that use it. */
export interface UsedBase {
  readonly uses: ReadonlyMap<string, BaseUse>;
  /** The platforms that functions were built for. */
  readonly platforms: ReadonlySet<string>;
}

/** Limit of the base images of a tenant that are watched, those of most functions first. */
const maxOfTenant = 1_000;
const tenantsAtOnce = 200;

/** Returns the base images in use by functions of any tenant, except those with a digest, which cannot change. */
export async function surveyBases(options: SurveyOptions): Promise<Map<string, UsedBase>> {
  const found = new Map<string, { uses: Map<string, BaseUse>; platforms: Set<string> }>();
  for (const tenant of await tenantNames(options.tenants)) {
    const uses = await readBaseUses({ ...options, tenant, withPlatforms: true });
    const watched = [...uses]
      .filter(([reference]) => parseImageReference(reference)?.digest === undefined)
      .toSorted(([, one], [, other]) => other.functions - one.functions);
    for (const [reference, use] of watched.slice(0, maxOfTenant)) {
      const base = found.get(reference) ?? { uses: new Map(), platforms: new Set() };
      base.uses.set(tenant, use);
      for (const platform of use.platforms) base.platforms.add(platform);
      found.set(reference, base);
    }
  }
  return found;
}

async function tenantNames(tenants: SurveyOptions['tenants']): Promise<Set<string>> {
  const names = new Set([defaultTenantName]);
  for (let after: string | undefined; ; ) {
    const page = await tenants.list({ limit: tenantsAtOnce, after });
    for (const { name } of page) names.add(name);
    after = page.at(-1)?.name;
    if (page.length < tenantsAtOnce) return names;
  }
}

/** Returns the tenants of a base image, compared with its state. */
export function usersOf(base: UsedBase | undefined, state: BaseState): BaseUser[] {
  return [...(base?.uses ?? [])].map(([tenant, { functions, versions }]) => ({
    ...{ tenant, functions, behind: functionsBehind(versions, state) },
  }));
}

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { TenantRecord, TokenRecord } from '@slipway/control-plane/tenants';
import { defaultTenantName } from '@slipway/shared/contracts';
import type { Keys, Redis } from '@slipway/shared/redis';
import type { FileTenant } from './file.js';
import { removeTenant, revokeAll, type TenantStores } from './remove-tenant.js';

export interface ApplyFileDeps extends TenantStores {
  readonly redis: Redis;
  readonly keys: Keys;
}

/** Numbers of tenants, tokens and payload secrets written and removed. */
export interface Applied {
  readonly written: number;
  readonly removed: number;
}

/** Milliseconds of the lock: more than any file takes, and the wait of other processes after a crash. */
const lockMs = 60_000;
const lockEveryMs = 100;
const pageSize = 200;

const unlock = `if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end`;

/**
 * Makes the stored tenants match the file: writes the differences, and removes records of an earlier file that this file lacks.
 * Records made over the API stay. A tenant that leaves the file loses all its tokens and payload secrets. One process does so at a
 * time. Writes nothing when the stored records match. The next call completes a call that failed half way.
 */
export async function applyFile(
  tenants: readonly FileTenant[],
  deps: ApplyFileDeps,
  signal: AbortSignal,
): Promise<Applied> {
  const { redis, keys } = deps;
  const holder = randomUUID();
  while ((await redis.set(keys.tenantsFileLock, holder, 'PX', lockMs, 'NX')) === null) {
    await sleep(lockEveryMs, undefined, { signal });
  }
  try {
    const stored = await allTenants(deps);
    const counts = [
      await removeGone(tenants, stored, deps),
      await writeTenants(tenants, stored, deps),
      await writeTokens(tenants, stored, deps),
      await writePayloadSecrets(tenants, deps),
    ];
    return {
      written: counts.reduce((sum, { written }) => sum + written, 0),
      removed: counts.reduce((sum, { removed }) => sum + removed, 0),
    };
  } finally {
    await redis.eval(unlock, 1, keys.tenantsFileLock, holder);
  }
}

type Stored = ReadonlyMap<string, TenantRecord>;

async function allTenants({ tenants }: TenantStores): Promise<Stored> {
  const found = new Map<string, TenantRecord>();
  for (let after: string | undefined; ; ) {
    const page = await tenants.list({ limit: pageSize, after });
    for (const record of page) found.set(record.name, record);
    if (page.length < pageSize) return found;
    after = page.at(-1)?.name;
  }
}

async function removeGone(
  wanted: readonly FileTenant[],
  stored: Stored,
  stores: TenantStores,
): Promise<Applied> {
  const names = new Set(wanted.map(({ name }) => name));
  let removed = 0;
  for (const { name, managedBy } of stored.values()) {
    if (managedBy !== 'file' || names.has(name)) continue;
    // The default tenant returns to its default settings, and keeps its tokens.
    if (name === defaultTenantName) await stores.tenants.remove(name);
    else await removeTenant(name, stores);
    removed++;
  }
  return { written: 0, removed };
}

async function writeTenants(
  wanted: readonly FileTenant[],
  stored: Stored,
  stores: TenantStores,
): Promise<Applied> {
  let written = 0;
  for (const { name, settings } of wanted) {
    const before = stored.get(name);
    if (before?.managedBy === 'file' && isDeepStrictEqual(before.settings, settings)) continue;
    // An earlier removal of a tenant with this name may be incomplete.
    if (!before && name !== defaultTenantName) await revokeAll(name, stores);
    await stores.tenants.put(name, settings, 'file');
    written++;
  }
  return { written, removed: 0 };
}

async function writeTokens(
  wanted: readonly FileTenant[],
  stored: Stored,
  { tokens }: TenantStores,
): Promise<Applied> {
  const kept = new Set<string>();
  let written = 0;
  for (const { name: tenant, tokens: own } of wanted) {
    for (const { hash, ...token } of own) {
      const before = await tokens.findByHash(hash);
      const same = before?.managedBy === 'file' && before.tenant === tenant && sameToken(before, token);
      const { id } = same ? before : await tokens.add({ ...token, tenant, hash, managedBy: 'file' });
      kept.add(id);
      if (!same) written++;
    }
  }
  let removed = 0;
  for (const tenant of new Set([defaultTenantName, ...stored.keys()])) {
    for (const { id, managedBy } of await allTokens(tenant, tokens)) {
      if (managedBy === 'file' && !kept.has(id) && (await tokens.revoke(id))) removed++;
    }
  }
  return { written, removed };
}

const sameToken = (before: TokenRecord, token: Omit<FileTenant['tokens'][number], 'hash'>) =>
  isDeepStrictEqual(
    [before.description, before.scopes, before.expiresAt],
    [token.description, token.scopes, token.expiresAt],
  );

async function allTokens(tenant: string, tokens: TenantStores['tokens']): Promise<TokenRecord[]> {
  const found: TokenRecord[] = [];
  for (let after: string | undefined; ; ) {
    const page = await tokens.list(tenant, { limit: pageSize, after });
    found.push(...page);
    if (page.length < pageSize) return found;
    after = page.at(-1)?.id;
  }
}

async function writePayloadSecrets(
  wanted: readonly FileTenant[],
  { payloadSecrets }: TenantStores,
): Promise<Applied> {
  const missing = wanted.flatMap(({ name, payloadSecrets: own }) =>
    own.map((secret) => ({ tenant: name, text: secret.reveal() })),
  );
  let removed = 0;
  for (const { id, tenant, managedBy, secret } of await payloadSecrets.list()) {
    if (managedBy !== 'file') continue;
    const at = missing.findIndex((one) => one.tenant === tenant && one.text === secret?.reveal());
    if (at !== -1) missing.splice(at, 1);
    else if (await payloadSecrets.remove(tenant, id)) removed++;
  }
  for (const { tenant, text } of missing) await payloadSecrets.create(tenant, { text, managedBy: 'file' });
  return { written: missing.length, removed };
}

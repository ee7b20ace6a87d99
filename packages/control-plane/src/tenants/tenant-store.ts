import {
  defaultTenantName,
  type TenantSettings,
  type TenantView,
  tenantSettingsSchema,
} from '@slipway/shared/contracts';
import type { Keys, Redis } from '@slipway/shared/redis';
import {
  type Fields,
  noRecordFaults,
  objectField,
  onlyReadable,
  type RecordFaults,
  readPage,
  readRecord,
  schemaVersions,
  timeField,
} from '../records/index.js';
import { readStoredBytes } from '../stored/index.js';

/** A tenant as stored in Redis. Times are milliseconds since the epoch. */
export interface TenantRecord {
  readonly name: string;
  readonly settings: TenantSettings;
  /** `file`: the tenants file defines the tenant, and only the file changes it. */
  readonly managedBy: 'api' | 'file';
  readonly updatedAt: number;
}

export interface TenantUsage {
  readonly queuedJobs: number;
  readonly runningJobs: number;
  readonly sourceBytes: number;
  readonly storedBytes: number;
  readonly maxStoredBytes: number;
}

interface TenantStoreOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** Receives records that cannot be read. */
  readonly faults?: RecordFaults | undefined;
  /** Limit of a tenant's bytes in Redis when its settings name none. Only shown here, not enforced. */
  readonly storedBytes?: number;
  /** Milliseconds since the epoch, by Redis' time. The machine's unless given. */
  readonly now?: (() => number) | undefined;
}

/** The settings of the default tenant until it is changed. */
const defaultSettings: TenantSettings = tenantSettingsSchema.parse({ images: ['*'] });

/** The tenants of the installation and their limits. Scripts of the job store read `running_jobs` (lua/jobs). */
export class TenantStore {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #faults: RecordFaults;
  readonly #storedBytes: number;
  readonly #now: () => number;

  constructor(options: TenantStoreOptions) {
    const { redis, keys, faults = noRecordFaults, storedBytes = 0, now = Date.now } = options;
    this.#storedBytes = storedBytes;
    this.#now = now;
    this.#faults = faults;
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Returns a tenant. The default tenant always exists. */
  async get(name: string): Promise<TenantRecord | undefined> {
    const reply = this.#redis.hgetall(this.#keys.tenant(name));
    return await readRecord({ kind: 'tenant', id: name, reply, parse: parseTenant, faults: this.#faults });
  }

  /** Returns tenants by name, after the name `after`. */
  async list({ limit, after }: { limit: number; after?: string | undefined }): Promise<TenantRecord[]> {
    return await readPage({
      limit,
      after,
      ids: (from, count) =>
        this.#redis.zrangebylex(
          this.#keys.tenants,
          from === undefined ? '-' : `(${from}`,
          '+',
          'LIMIT',
          0,
          count,
        ),
      read: (names) => onlyReadable(names.map((name) => this.get(name))),
    });
  }

  /** Creates or replaces a tenant. Returns true when the tenant is new. */
  async put(
    name: string,
    settings: TenantSettings,
    managedBy: TenantRecord['managedBy'] = 'api',
  ): Promise<boolean> {
    const replies = await this.#redis
      .multi()
      .del(this.#keys.tenant(name))
      .hset(this.#keys.tenant(name), {
        schema: schemaVersions.tenant,
        settings: JSON.stringify(settings),
        ...(settings.limits.running_jobs !== undefined && { running_jobs: settings.limits.running_jobs }),
        ...(settings.limits.stored_bytes !== undefined && { stored_bytes: settings.limits.stored_bytes }),
        managed_by: managedBy,
        updated_at: this.#now(),
      })
      .zadd(this.#keys.tenants, 0, name)
      .publish(this.#keys.tenantChanges, name)
      .exec();
    return replies?.[2]?.[1] === 1;
  }

  /** Removes a tenant. Its jobs, functions and endpoints stay, but no token gives access to them. Returns false when there was no such tenant. */
  async remove(name: string): Promise<boolean> {
    const replies = await this.#redis
      .multi()
      .del(this.#keys.tenant(name))
      .zrem(this.#keys.tenants, name)
      .publish(this.#keys.tenantChanges, name)
      .exec();
    return replies?.[1]?.[1] === 1;
  }

  async usage({ name, settings }: Pick<TenantRecord, 'name' | 'settings'>): Promise<TenantUsage> {
    const [queuedJobs, runningJobs, bytes, storedBytes] = await Promise.all([
      this.#redis.zcard(this.#keys.index(`tenant:${name}:queued`)),
      this.#redis.zcard(this.#keys.index(`tenant:${name}:running`)),
      this.#redis.get(this.#keys.sourceBytes(name)),
      readStoredBytes({ redis: this.#redis, keys: this.#keys, tenant: name }),
    ]);
    const maxStoredBytes = settings.limits.stored_bytes ?? this.#storedBytes;
    return { queuedJobs, runningJobs, sourceBytes: Number(bytes ?? 0), storedBytes, maxStoredBytes };
  }
}

function parseTenant(name: string, fields: Fields): TenantRecord | undefined {
  const { settings, managed_by } = fields;
  if (settings === undefined) {
    return name === defaultTenantName
      ? { name, settings: defaultSettings, managedBy: 'api', updatedAt: 0 }
      : undefined;
  }
  return {
    name,
    settings: tenantSettingsSchema.parse(objectField(fields, 'settings')),
    managedBy: managed_by === 'file' ? 'file' : 'api',
    updatedAt: timeField(fields, 'updated_at'),
  };
}

/** Returns the tenant as the API shows it. */
export function toTenant(
  { name, settings, managedBy, updatedAt }: TenantRecord,
  usage?: TenantUsage,
): TenantView {
  return {
    name,
    ...settings,
    managed_by: managedBy,
    ...(usage && {
      usage: {
        queued_jobs: usage.queuedJobs,
        running_jobs: usage.runningJobs,
        source_bytes: usage.sourceBytes,
        stored_bytes: usage.storedBytes,
        max_stored_bytes: usage.maxStoredBytes,
      },
    }),
    updated_at: new Date(updatedAt).toISOString(),
  };
}

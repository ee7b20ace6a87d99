import { setTimeout as sleep } from 'node:timers/promises';
import type { Cell } from '@slipway/control-plane/cell';
import {
  type Fields,
  numberField,
  type RecordFaults,
  readRecords,
  timeField,
} from '@slipway/control-plane/records';
import type { Fields as Settings } from '@slipway/shared/config';
import type { Cleanups, Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import { Counter, type Registry } from '@slipway/shared/metrics';
import type { Keys, Redis } from '@slipway/shared/redis';
import type { AuditEntryView, AuditQuery } from './contract.js';

export interface AuditConfig {
  /** Limit of entries. The oldest are removed by number and by age. */
  readonly auditMaxEntries: number;
  readonly auditDays: number;
}

export function auditConfig(fields: Settings): AuditConfig {
  return {
    auditMaxEntries: fields.int('AUDIT_MAX_ENTRIES', {
      doc: 'Entries of the audit log, some 250 bytes each. The oldest are removed',
      default: 100_000,
      min: 100,
    }),
    auditDays: fields.int('AUDIT_DAYS', {
      doc: 'How long entries of the audit log are kept',
      default: 90,
      min: 1,
      max: 3650,
    }),
  };
}

export type AuditEntry = Omit<AuditEntryView, 'id' | 'at'>;

interface AuditLogOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly registry: Registry;
  /** Receives entries that cannot be parsed. */
  readonly faults: RecordFaults;
  readonly logger: Logger;
  readonly maxEntries: number;
  readonly keptMs: number;
  /** Returns Redis' time in milliseconds. */
  readonly now: () => number;
}

interface OpenOptions extends Pick<AuditLogOptions, 'registry' | 'logger'> {
  readonly cell: Cell;
  readonly config: AuditConfig;
  readonly cleanups: Cleanups;
}

const dayMs = 24 * 3600 * 1_000;
const trimEveryMs = 3_600_000;
/** Entries per read, and the limit of reads for one page. */
const run = 1_000;
const maxRuns = 10;

/**
 * The audit log: an append-only stream that loses its oldest entries by number and by age. An entry is written after the request is
 * answered. If the write fails, the whole entry is logged as an error.
 */
export class AuditLog implements Component {
  readonly name = 'audit';
  readonly #options: AuditLogOptions;
  readonly #writing = new Set<Promise<void>>();
  readonly #failures: Counter;

  constructor(options: AuditLogOptions) {
    this.#options = options;
    this.#failures = new Counter({
      name: 'slipway_audit_failures_total',
      help: 'Entries that could not be written to the audit log',
      registers: [options.registry],
    });
  }

  add(entry: AuditEntry): void {
    const { redis, keys, logger, maxEntries } = this.#options;
    const written = redis
      .xadd(keys.audit, 'MAXLEN', '~', maxEntries, '*', ...fieldsOf(entry))
      .then(() => undefined)
      .catch((error: unknown) => {
        this.#failures.inc();
        logger.error({ err: error, request_id: entry.request_id, entry }, 'could not write to the audit log');
      })
      .finally(() => this.#writing.delete(written));
    this.#writing.add(written);
  }

  /** Resolves once all added entries are written. */
  async flush(): Promise<void> {
    await Promise.all(this.#writing);
  }

  /** Returns entries, newest first. */
  async list({
    since,
    until,
    cursor,
    limit,
    ...wanted
  }: AuditQuery): Promise<{ entries: AuditEntryView[]; next: string | undefined }> {
    const { redis, keys } = this.#options;
    const first = Math.max(this.#oldestMs(), since === undefined ? 0 : Date.parse(since));
    const entries: AuditEntryView[] = [];
    const last = until === undefined ? '+' : String(Math.max(0, Date.parse(until)));
    // No entry can precede the first possible id, and Redis rejects that range.
    if (cursor !== undefined && /^0+-0+$/.test(cursor)) return { entries, next: undefined };
    let end = cursor === undefined ? last : `(${cursor}`;
    for (let runs = 0; runs < maxRuns; runs++) {
      const found = await redis.xrevrange(keys.audit, end, String(first), 'COUNT', run);
      for (const [at, [id, fields]] of found.entries()) {
        const entry = this.#read(id, fields);
        if (!entry || !fits(entry, wanted)) continue;
        entries.push(entry);
        if (entries.length === limit) {
          return { entries, next: at === found.length - 1 && found.length < run ? undefined : id };
        }
      }
      const oldest = found.at(-1);
      if (!oldest || found.length < run) return { entries, next: undefined };
      end = `(${oldest[0]}`;
    }
    return { entries, next: end.slice(1) };
  }

  /** Removes entries that are too old, at intervals. */
  async run(signal: AbortSignal): Promise<void> {
    const { redis, keys, logger } = this.#options;
    while (!signal.aborted) {
      await redis.xtrim(keys.audit, 'MINID', this.#oldestMs()).catch((error: unknown) => {
        logger.warn({ err: error }, 'old entries of the audit log were not removed');
      });
      await sleep(trimEveryMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  #read(id: string, list: readonly string[]): AuditEntryView | undefined {
    const fields: Record<string, string> = {};
    for (let at = 0; at < list.length; at += 2) fields[list[at] as string] = list[at + 1] as string;
    const { faults } = this.#options;
    return readRecords({ kind: 'audit_entry', ids: [id], replies: [[null, fields]], parse, faults })[0];
  }

  #oldestMs(): number {
    return Math.max(0, this.#options.now() - this.#options.keptMs);
  }
}

function fits(entry: AuditEntryView, wanted: Pick<AuditQuery, 'tenant' | 'token' | 'operation'>): boolean {
  return (['tenant', 'token', 'operation'] as const).every(
    (field) => wanted[field] === undefined || entry[field] === wanted[field],
  );
}

/** Returns the same field names for each entry, so that the stream stores the names once. */
function fieldsOf(entry: AuditEntry): (string | number)[] {
  const { request_id, tenant = '', token = '', operation = '', method, path, records } = entry;
  const { status, code = '', address, user_agent = '' } = entry;
  return Object.entries({
    ...{ request_id, tenant, token, operation, method, path, records: records.join(' '), status, code },
    ...{ address, user_agent },
  }).flat();
}

/** Throws for an entry that lacks a field, or has an invalid status or time. */
function parse(id: string, fields: Fields): AuditEntryView {
  const text = (name: string) => fields[name] ?? fault(`the field ${name} is absent`);
  const status = numberField(fields, 'status');
  if (!Number.isInteger(status)) fault(`status is not a whole number: ${status}`);
  const optional = Object.fromEntries(
    (['tenant', 'token', 'operation', 'code', 'user_agent'] as const).flatMap((name) =>
      fields[name] ? [[name, fields[name]]] : [],
    ),
  );
  return {
    id,
    at: new Date(timeField({ time: id.split('-')[0] ?? '' }, 'time')).toISOString(),
    request_id: text('request_id'),
    method: text('method'),
    path: text('path'),
    records: text('records')
      .split(' ')
      .filter((record) => record !== ''),
    status,
    address: text('address'),
    ...optional,
  };
}

function fault(why: string): never {
  throw new Error(why);
}

/** Creates the audit log. The clean-up waits for entries that are being written. */
export function openAuditLog({ cell, config, cleanups, ...options }: OpenOptions): AuditLog {
  const { redis, keys, now, faults } = cell;
  const { auditMaxEntries: maxEntries, auditDays } = config;
  const log = new AuditLog({ ...options, redis, keys, now, faults, maxEntries, keptMs: auditDays * dayMs });
  cleanups.defer('audit', () => log.flush());
  return log;
}

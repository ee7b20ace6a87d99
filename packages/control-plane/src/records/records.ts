import { SlipwayError } from '@slipway/shared/errors';
import type { Logger } from '@slipway/shared/logger';
import { Counter, type Registry } from '@slipway/shared/metrics';
import type { Fields } from './fields.js';

/**
 * The newest schema version of each kind of record that this process reads. The field `schema` of a record holds its version; a record
 * without that field has version 1. Raise a number when processes of the previous version would misread new records.
 */
export const schemaVersions = {
  job: 2,
  batch: 1,
  campaign: 1,
  function: 2,
  template: 1,
  webhook: 1,
  delivery: 1,
  tenant: 1,
  token: 1,
  payload_secret: 1,
  audit_entry: 1,
} as const;
export type RecordKind = keyof typeof schemaVersions;

/** A record that exists and cannot be read: it is damaged, or a newer version wrote it. */
export class UnreadableRecord extends SlipwayError {
  readonly kind: RecordKind;
  readonly id: string;
  /** The tenant of the record, if that can be read. */
  readonly tenant: string | undefined;

  constructor(options: { kind: RecordKind; id: string; why: string; tenant?: string | undefined }) {
    const { kind, id, why, tenant } = options;
    super('record_unreadable', `The record of the ${kind.replace('_', ' ')} ${id} cannot be read: ${why}.`);
    this.kind = kind;
    this.id = id;
    this.tenant = tenant;
  }
}

/** Receives each unreadable record that a process meets. */
export interface RecordFaults {
  note(record: UnreadableRecord): void;
}

export const noRecordFaults: RecordFaults = { note: () => undefined };

/** Limit of ids that are logged only once. Beyond it the set is cleared, and ids are logged again. */
const maxLogged = 10_000;

/** Counts unreadable records, and logs each of them once. */
export class CountedFaults implements RecordFaults {
  readonly #met: Counter<'kind'>;
  readonly #logger: Logger;
  readonly #logged = new Set<string>();

  constructor({ registry, logger }: { readonly registry: Registry; readonly logger: Logger }) {
    this.#logger = logger;
    this.#met = new Counter({
      name: 'slipway_unreadable_records_total',
      help: 'Times that a record in Redis was skipped because it cannot be read, by kind',
      labelNames: ['kind'],
      registers: [registry],
    });
    // The first increase is visible only if the series exists before.
    for (const kind of Object.keys(schemaVersions) as RecordKind[]) this.#met.inc({ kind }, 0);
  }

  note({ kind, id, message }: UnreadableRecord): void {
    this.#met.inc({ kind });
    if (this.#logged.has(`${kind} ${id}`)) return;
    if (this.#logged.size >= maxLogged) this.#logged.clear();
    this.#logged.add(`${kind} ${id}`);
    this.#logger.error({ kind, record: id, why: message }, 'a record cannot be read and is skipped');
  }
}

interface ReadOptions<T> {
  readonly kind: RecordKind;
  readonly parse: (id: string, fields: Fields) => T | undefined;
  readonly faults: RecordFaults;
}

/**
 * Returns one record from the reply to HGETALL, or undefined when there is none. Reports a record that cannot be read to `faults`, and
 * throws `record_unreadable`.
 */
export async function readRecord<T>(
  options: ReadOptions<T> & { readonly id: string; readonly reply: Promise<Fields> | Fields },
): Promise<T | undefined> {
  const { id, reply, faults } = options;
  let fields: Fields = {};
  try {
    fields = await reply;
    return parsed(options, id, fields);
  } catch (error) {
    const fault = faultOf(options.kind, id, error, fields);
    if (!fault) throw error;
    faults.note(fault);
    throw fault;
  }
}

/** Returns the records of a pipeline of HGETALL. Skips missing and unreadable records, and reports the unreadable ones to `faults`. */
export function readRecords<T>(
  options: ReadOptions<T> & {
    readonly ids: readonly string[];
    readonly replies: readonly [Error | null, unknown][] | null;
  },
): T[] {
  const { kind, ids, replies, faults } = options;
  return (replies ?? []).flatMap(([error, reply], at) => {
    const id = ids[at] as string;
    const fields = reply as Fields;
    try {
      if (error) throw error;
      return parsed(options, id, fields) ?? [];
    } catch (cause) {
      const fault = faultOf(kind, id, cause, fields);
      if (!fault) throw cause;
      faults.note(fault);
      return [];
    }
  });
}

/** Returns the records without those that failed with `record_unreadable`. Throws any other error. */
export async function onlyReadable<T>(reads: readonly Promise<T | undefined>[]): Promise<T[]> {
  const results = await Promise.allSettled(reads);
  return results.flatMap((each) => {
    if (each.status === 'fulfilled') return each.value ?? [];
    if (each.reason instanceof UnreadableRecord) return [];
    throw each.reason;
  });
}

/** Returns a record if it belongs to the tenant. A record of another tenant counts as missing, and so does an unreadable one whose tenant is unknown. */
export async function ofTenant<T extends { readonly tenant: string }>(
  tenant: string,
  reading: Promise<T | undefined>,
): Promise<T | undefined> {
  try {
    const record = await reading;
    return record?.tenant === tenant ? record : undefined;
  } catch (error) {
    if (error instanceof UnreadableRecord && error.tenant !== tenant) return undefined;
    throw error;
  }
}

/** Returns true when Redis refused a command because the key holds another type than a record. */
export const isWrongType = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith('WRONGTYPE');

function parsed<T>({ kind, parse }: ReadOptions<T>, id: string, fields: Fields): T | undefined {
  const { schema } = fields;
  const known = schemaVersions[kind];
  if (schema !== undefined && !(Number(schema) >= 1 && Number(schema) <= known)) {
    throw new Error(`its schema version is ${schema.slice(0, 20)}, and this process reads up to ${known}`);
  }
  return parse(id, fields);
}

/** Returns the fault of a record. Returns undefined for an error of Redis itself, unless the key holds another type. */
function faultOf(
  kind: RecordKind,
  id: string,
  error: unknown,
  fields: Fields | undefined,
): UnreadableRecord | undefined {
  if (error instanceof UnreadableRecord) return error;
  if (error instanceof SlipwayError) return undefined;
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  const readIt = name !== 'ReplyError' && fields !== undefined && Object.keys(fields).length > 0;
  if (!readIt && !isWrongType(error)) return undefined;
  return new UnreadableRecord({ kind, id, why: message.slice(0, 200), tenant: fields?.tenant });
}

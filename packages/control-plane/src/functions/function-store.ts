import type { JobSpec } from '@slipway/shared/contracts';
import { defineScript, type Keys, type Redis } from '@slipway/shared/redis';
import { z } from 'zod';
import { controlPlaneLua } from '../lua/index.js';
import { type Fields, noRecordFaults, type RecordFaults, readRecord, readRecords } from '../records/index.js';
import { readStored, storedQuotaExceeded, storedSpec, valueBytes } from '../stored/index.js';
import { type BaseImageUse, type CurrentBase, readBaseImages, readCurrentBases } from './base-images.js';
import { type FunctionRecord, parseFunction } from './function-record.js';
import { type FunctionHistory, readHistory } from './history.js';

interface FunctionStoreOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** Receives records that cannot be read. */
  readonly faults?: RecordFaults | undefined;
}

const putScript = defineScript({
  folder: controlPlaneLua,
  file: 'functions/put',
  args: z.object({
    tenant: z.string(),
    name: z.string(),
    spec: z.string(),
    shared: z.string(),
    bytes: z.int(),
    limit: z.int().optional(),
    values: z.array(z.string()),
  }),
});
const removeScript = defineScript({
  folder: controlPlaneLua,
  file: 'functions/remove',
  args: z.object({ tenant: z.string(), name: z.string() }),
});

/** Bytes of a record besides its texts. */
const recordBytes = 1_000;

interface WalkOptions {
  /** Limits the walk to this namespace. */
  readonly namespace?: string | undefined;
  /** The name after which the walk begins. */
  readonly after?: string | undefined;
}

/** Names read at once. */
const run = 200;

/** The functions of each tenant. The creation and the end of jobs write them too (see lua/jobs). */
export class FunctionStore {
  readonly #on: { readonly redis: Redis; readonly keys: Keys };
  readonly #faults: RecordFaults;

  constructor({ redis, keys, faults = noRecordFaults }: FunctionStoreOptions) {
    this.#on = { redis, keys };
    this.#faults = faults;
  }

  async get(tenant: string, name: string): Promise<FunctionRecord | undefined> {
    const { replies, values } = await this.#read(tenant, [name]);
    const [error, fields] = replies[0] ?? [null, {}];
    return await readRecord({
      kind: 'function',
      id: name,
      reply: error ? Promise.reject(error) : (fields as Fields),
      parse: (id, found) => parseFunction(id, found, values),
      faults: this.#faults,
    });
  }

  /** Returns the functions that exist among the names, in the given order. */
  async getMany(tenant: string, names: readonly string[]): Promise<FunctionRecord[]> {
    const records: FunctionRecord[] = [];
    for (let at = 0; at < names.length; at += run) {
      records.push(...(await this.#getRun(tenant, names.slice(at, at + run))));
    }
    return records;
  }

  async #getRun(tenant: string, names: readonly string[]): Promise<FunctionRecord[]> {
    const { replies, values } = await this.#read(tenant, names);
    return readRecords({
      kind: 'function',
      ids: names,
      replies,
      parse: (id, found) => parseFunction(id, found, values),
      faults: this.#faults,
    });
  }

  #read(tenant: string, names: readonly string[]) {
    const { redis, keys } = this.#on;
    return readStored({ redis, keys, tenant, names: names.map((name) => keys.functionRecord(tenant, name)) });
  }

  /** Returns the last jobs of each function, newest first, in the given order. Sends all requests at once. */
  histories(tenant: string, names: readonly string[], limit: number): Promise<FunctionHistory[]> {
    const { redis, keys } = this.#on;
    return Promise.all(names.map((name) => readHistory({ redis, keys, tenant, name, limit })));
  }

  /** Returns the base images of a tenant's functions, by reference. */
  baseImages(tenant: string): Promise<BaseImageUse[]> {
    return readBaseImages({ ...this.#on, tenant, faults: this.#faults });
  }

  /** Returns the newest images of a tenant's base images, by canonical reference. */
  currentBases(tenant: string): Promise<ReadonlyMap<string, CurrentBase>> {
    return readCurrentBases({ ...this.#on, tenant, faults: this.#faults });
  }

  /** Returns a tenant's functions by name, in chunks. Each chunk has its last name, also when it has no records. */
  async *walk(
    tenant: string,
    { namespace, after }: WalkOptions = {},
  ): AsyncGenerator<{ readonly records: readonly FunctionRecord[]; readonly upTo: string }, void> {
    // `0` is what follows `/`.
    const [first, last] = namespace === undefined ? ['-', '+'] : [`[${namespace}/`, `(${namespace}0`];
    const begins = after !== undefined && (namespace === undefined || after >= `${namespace}/`);
    let start = begins ? `(${after}` : first;
    for (;;) {
      const names = await this.#on.redis.zrangebylex(
        this.#on.keys.functions(tenant),
        start,
        last,
        'LIMIT',
        0,
        run,
      );
      const upTo = names.at(-1);
      if (upTo === undefined) return;
      yield { records: await this.#getRun(tenant, names), upTo };
      if (names.length < run) return;
      start = `(${upTo}`;
    }
  }

  /** Writes the spec of a function without building it. Returns true for a new function. Throws `stored_quota_exceeded`. */
  async put(tenant: string, name: string, spec: JobSpec, maxStoredBytes?: number): Promise<boolean> {
    const { callback: _callback, ...kept } = spec;
    const { own, shared, values } = storedSpec(kept);
    const text = JSON.stringify(own);
    const bytes = [...values.values()].reduce(
      (sum, value) => sum + valueBytes(value),
      recordBytes + Buffer.byteLength(text) + shared.length,
    );
    const [outcome, used] = (await putScript.run(this.#on, {
      ...{ tenant, name, spec: text, shared, bytes, limit: maxStoredBytes },
      values: [...values].flat(),
    })) as readonly [number | 'full', string?];
    if (outcome === 'full') throw storedQuotaExceeded({ tenant, used, bytes, maxStoredBytes });
    return outcome === 1;
  }

  /** Removes the function; its jobs stay. Returns false when there was no such function. */
  async remove(tenant: string, name: string): Promise<boolean> {
    return (await removeScript.run(this.#on, { tenant, name })) === 1;
  }
}

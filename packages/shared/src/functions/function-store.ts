import type { JobSpec } from '../contracts/index.js';
import {
  noRecordFaults,
  type RecordFaults,
  readRecord,
  readRecords,
  schemaVersions,
} from '../records/index.js';
import type { Keys, Redis } from '../redis/index.js';
import { type FunctionRecord, parseFunction } from './function-record.js';
import { type FunctionHistory, readHistory } from './history.js';

interface FunctionStoreOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** Receives records that cannot be read. */
  readonly faults?: RecordFaults | undefined;
}

interface WalkOptions {
  /** Only of this namespace. */
  readonly namespace?: string | undefined;
  /** The name after which the walk begins. */
  readonly after?: string | undefined;
}

/** Names are looked at in runs of this many. */
const run = 200;

/** What is known of each tenant's functions. Jobs write it as they are created and as they end (see jobs/lua). */
export class FunctionStore {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #faults: RecordFaults;

  constructor({ redis, keys, faults = noRecordFaults }: FunctionStoreOptions) {
    this.#redis = redis;
    this.#keys = keys;
    this.#faults = faults;
  }

  async get(tenant: string, name: string): Promise<FunctionRecord | undefined> {
    const reply = this.#redis.hgetall(this.#keys.function(tenant, name));
    return await readRecord({
      kind: 'function',
      id: name,
      reply,
      parse: parseFunction,
      faults: this.#faults,
    });
  }

  /** Those of the names that are there, in the order given. */
  async getMany(tenant: string, names: readonly string[]): Promise<FunctionRecord[]> {
    const records: FunctionRecord[] = [];
    for (let at = 0; at < names.length; at += run) {
      records.push(...(await this.#getRun(tenant, names.slice(at, at + run))));
    }
    return records;
  }

  async #getRun(tenant: string, names: readonly string[]): Promise<FunctionRecord[]> {
    const pipeline = this.#redis.pipeline();
    for (const name of names) pipeline.hgetall(this.#keys.function(tenant, name));
    const replies = await pipeline.exec();
    return readRecords({ kind: 'function', ids: names, replies, parse: parseFunction, faults: this.#faults });
  }

  /** How the last jobs of each ended, newest first, in the order given; all of it is asked for at once. */
  histories(tenant: string, names: readonly string[], limit: number): Promise<FunctionHistory[]> {
    const [redis, keys] = [this.#redis, this.#keys];
    return Promise.all(names.map((name) => readHistory({ redis, keys, tenant, name, limit })));
  }

  /** A tenant's functions by name, in runs; each run says how far it came, also where nothing of it is left. */
  async *walk(
    tenant: string,
    { namespace, after }: WalkOptions = {},
  ): AsyncGenerator<{ readonly records: readonly FunctionRecord[]; readonly upTo: string }, void> {
    // `0` is what follows `/`.
    const [first, last] = namespace === undefined ? ['-', '+'] : [`[${namespace}/`, `(${namespace}0`];
    const begins = after !== undefined && (namespace === undefined || after >= `${namespace}/`);
    let start = begins ? `(${after}` : first;
    for (;;) {
      const names = await this.#redis.zrangebylex(this.#keys.functions(tenant), start, last, 'LIMIT', 0, run);
      const upTo = names.at(-1);
      if (upTo === undefined) return;
      yield { records: await this.#getRun(tenant, names), upTo };
      if (names.length < run) return;
      start = `(${upTo}`;
    }
  }

  /** Says what the function is, without building it. True when it was not known before. */
  async put(tenant: string, name: string, spec: JobSpec): Promise<boolean> {
    const { callback: _callback, ...kept } = spec;
    const replies = await this.#redis
      .multi()
      .hset(this.#keys.function(tenant, name), {
        schema: schemaVersions.function,
        spec: JSON.stringify(kept),
        updated_at: Date.now(),
      })
      .zadd(this.#keys.functions(tenant), 0, name)
      .exec();
    return replies?.[1]?.[1] === 1;
  }

  /** Forgets the function; its jobs stay. False when it was not known. */
  async remove(tenant: string, name: string): Promise<boolean> {
    const replies = await this.#redis
      .multi()
      .del(this.#keys.function(tenant, name))
      .zrem(this.#keys.functions(tenant), name)
      .exec();
    return replies?.[0]?.[1] === 1;
  }
}

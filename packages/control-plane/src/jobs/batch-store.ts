import type { BatchOptions, JobState } from '@slipway/shared/contracts';
import type { Keys, Redis } from '@slipway/shared/redis';
import { noTracing, type Tracing } from '@slipway/shared/tracing';
import { noRecordFaults, onlyReadable, type RecordFaults, readRecord } from '../records/index.js';
import { storedQuotaExceeded } from '../stored/index.js';
import { type BatchRecord, parseBatchRecord } from './batch-record.js';
import type { Tenant } from './identity.js';
import { createTransition, type Transition, type TransitionOptions, transitions } from './transition.js';

interface OpenBatch {
  readonly tenant: Tenant;
  /** How many jobs it has. */
  readonly total: number;
  readonly options: BatchOptions;
  readonly sealedCallbackSecret?: string | undefined;
  /** The batch that it repeats. */
  readonly retryOf?: string | undefined;
  /** What the records of its jobs will take, which is reserved for them. */
  readonly bytes?: number;
  /** What its tenant may have in Redis; anything unless given. */
  readonly maxStoredBytes?: number | undefined;
}

interface BatchPage {
  readonly records: readonly BatchRecord[];
  /** Where the next page begins; undefined at the end. */
  readonly next: string | undefined;
}

/** Ids are looked at in runs of this many. */
const run = 500;

/** The records of batches. Every change is one atomic transition (see transition.ts). */
export class BatchStore {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #transition: Transition;
  readonly #tracing: Tracing;
  readonly #faults: RecordFaults;
  readonly #now: () => number;

  constructor(options: TransitionOptions) {
    this.#redis = options.redis;
    this.#keys = options.keys;
    this.#transition = createTransition(options);
    this.#tracing = options.tracing ?? noTracing;
    this.#faults = options.faults ?? noRecordFaults;
    this.#now = options.now ?? Date.now;
  }

  /** Begins a batch. Its jobs are created next, and wait until it is committed. Throws `stored_quota_exceeded`. */
  async open(id: string, { tenant, total, options, ...rest }: OpenBatch): Promise<void> {
    const { on_failure, max_running = 0, labels, callback } = options;
    const { bytes = 0, maxStoredBytes } = rest;
    const [outcome, used] = await this.#transition(transitions.openBatch, {
      ...{ id, tenant: tenant.name, total, on_failure, max_running, labels: JSON.stringify(labels) },
      callback: callback && JSON.stringify({ url: callback.url }),
      ...{ secret: rest.sealedCallbackSecret, retry_of: rest.retryOf, trace: this.#tracing.current() },
      ...{ bytes, limit: maxStoredBytes },
    });
    if (outcome === 'full') throw storedQuotaExceeded({ tenant: tenant.name, used, bytes, maxStoredBytes });
  }

  /** Accepts the batch, all of it. False when it was given up before. */
  async commit(id: string): Promise<boolean> {
    return (await this.#transition(transitions.commitBatch, { id }))[0] === 'ok';
  }

  /** Lets nothing more of the batch begin. Its jobs are to be canceled one by one then; see `stopping`. */
  async stop(id: string): Promise<'ok' | 'terminal' | 'missing'> {
    return (await this.#transition(transitions.stopBatch, { id, only_draft: false }))[0] as
      | 'ok'
      | 'terminal'
      | 'missing';
  }

  /** Stops the batch unless it was committed: whoever wrote it is gone. */
  async giveUp(id: string): Promise<boolean> {
    return (await this.#transition(transitions.stopBatch, { id, only_draft: true }))[0] === 'ok';
  }

  async get(id: string): Promise<BatchRecord | undefined> {
    const reply = this.#redis.hgetall(this.#keys.batch(id));
    return await readRecord({ kind: 'batch', id, reply, parse: parseBatchRecord, faults: this.#faults });
  }

  /** A page of a tenant's batches, newest first; `before` is the id after which it begins. */
  async list(filter: { tenant: string; limit: number; before?: string | undefined }): Promise<BatchPage> {
    const { tenant, limit, before } = filter;
    const index = this.#keys.index(`batches:${tenant}`);
    const start = before === undefined ? '+' : `(${before}`;
    const ids = await this.#redis.zrevrangebylex(index, start, '-', 'LIMIT', 0, limit + 1);
    const page = ids.slice(0, limit);
    return {
      records: await onlyReadable(page.map((id) => this.get(id))),
      next: ids.length > limit ? page.at(-1) : undefined,
    };
  }

  /** The ids of the jobs of a batch that are in a state now, in the order of their submission, some at a time. */
  async *jobIds(id: string, state: JobState): AsyncGenerator<string[]> {
    const index = this.#keys.index(`batch:${id}`);
    let after = '-';
    for (;;) {
      const ids = await this.#redis.zrangebylex(index, after, '+', 'LIMIT', 0, run);
      if (ids.length === 0) return;
      const scores = await this.#redis.zmscore(this.#keys.index(`state:${state}`), ...ids);
      const found = ids.filter((_id, at) => scores[at] !== null);
      if (found.length > 0) yield found;
      after = `(${ids.at(-1)}`;
    }
  }

  /** Batches that have been written for longer than this, some of them. */
  async drafts(olderThanMs: number): Promise<string[]> {
    const before = this.#now() - olderThanMs;
    return await this.#redis.zrangebyscore(this.#keys.draftBatches, '-inf', before, 'LIMIT', 0, run);
  }

  /** Batches that were stopped and have not ended, some of them, the oldest first. */
  async stopping(): Promise<string[]> {
    return await this.#redis.zrange(this.#keys.stoppingBatches, '0', String(run - 1));
  }
}

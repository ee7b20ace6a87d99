import type { DispatchJob } from '@slipway/control-plane/jobs';
import { type BuildQueues, queueKeys } from '@slipway/control-plane/queues';
import type { Keys, Redis } from '@slipway/shared/redis';

/** BullMQ orders jobs by priority, then by their arrival. */
const scoreOf = (priority: number, arrival: number) => priority * 2 ** 32 + arrival;

/**
 * The queue of one pool in place of BullMQ, in the same order and under the same keys, as far as `replicas/demand.lua` reads them. BullMQ
 * itself is left out: its locks and timers take the time of the process.
 */
export class BuildQueue implements Pick<BuildQueues, 'add' | 'remove' | 'missing' | 'limit'> {
  readonly #redis: Redis;
  readonly #key: string;
  readonly #priorities = new Map<string, number>();
  #arrivals = 0;
  /** Jobs that wait in the queue. */
  size = 0;
  /** The limit of jobs that workers hold at once. */
  concurrency = 0;

  constructor({ redis, keys, pool }: { redis: Redis; keys: Keys; pool: string }) {
    this.#redis = redis;
    this.#key = queueKeys(keys, pool);
  }

  async add(jobs: readonly DispatchJob[]): Promise<void> {
    const members = jobs.flatMap(({ id, priority }) => {
      this.#priorities.set(id, priority);
      return [scoreOf(priority, this.#arrivals++), id];
    });
    this.size += jobs.length;
    if (members.length > 0) await this.#redis.zadd(`${this.#key}prioritized`, ...members);
  }

  async remove(): Promise<void> {
    throw new Error('no simulated job is canceled');
  }

  async missing(): Promise<string[]> {
    return [];
  }

  async limit(_pool: string, jobs: number | undefined): Promise<void> {
    this.concurrency = jobs ?? Number.POSITIVE_INFINITY;
  }

  /** Takes the first jobs. */
  async take(count: number): Promise<string[]> {
    if (count <= 0 || this.size === 0) return [];
    const flat = await this.#redis.zpopmin(`${this.#key}prioritized`, Math.min(count, this.size));
    const ids = flat.filter((_, at) => at % 2 === 0);
    this.size -= ids.length;
    return ids;
  }

  /** Puts a job back that a worker gave back. */
  async putBack(ids: readonly string[]): Promise<void> {
    await this.add(ids.map((id) => ({ id, pool: '', priority: this.priorityOf(id) })));
  }

  priorityOf(id: string): number {
    return this.#priorities.get(id) ?? 1;
  }

  forget(id: string): void {
    this.#priorities.delete(id);
  }

  /** Writes the jobs that workers hold without a slot where `replicas/demand.lua` looks for them. */
  async show(held: readonly string[]): Promise<void> {
    const key = `${this.#key}active`;
    const pipeline = this.#redis.pipeline().del(key);
    if (held.length > 0) pipeline.rpush(key, ...held);
    await pipeline.exec();
  }
}

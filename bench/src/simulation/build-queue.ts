import type { DispatchJob } from '@slipway/control-plane/jobs';
import { type BuildQueues, queueKeys } from '@slipway/control-plane/queues';
import type { Keys, Redis } from '@slipway/shared/redis';
import { Timetable } from './timetable.js';

/** BullMQ orders jobs by priority, then by their arrival. */
const scoreOf = (priority: number, arrival: number) => priority * 2 ** 32 + arrival;

/**
 * The queue of one pool in place of BullMQ, in the same order and under the same keys, as far as `replicas/demand.lua` reads them. BullMQ
 * itself is left out: its locks and timers take the time of the process. The order is also kept in memory, so that no step waits to learn
 * which jobs are first.
 */
export class BuildQueue implements Pick<BuildQueues, 'add' | 'remove' | 'missing' | 'limit'> {
  readonly #redis: Redis;
  readonly #key: string;
  readonly #priorities = new Map<string, number>();
  readonly #order = new Timetable<string>();
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
      const score = scoreOf(priority, this.#arrivals++);
      this.#order.add(score, id);
      return [score, id];
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

  /** Takes the first jobs. `written` resolves when Redis has them no more. */
  take(count: number): { readonly ids: readonly string[]; readonly written: Promise<unknown> } {
    const taken = Math.max(0, Math.min(count, this.size));
    const ids = Array.from({ length: taken }, () => this.#order.takeFirst());
    this.size -= taken;
    return {
      ids,
      written: taken > 0 ? this.#redis.zrem(`${this.#key}prioritized`, ...ids) : Promise.resolve(),
    };
  }

  /** Puts a job back that a worker gave back. */
  async putBack(ids: readonly string[]): Promise<void> {
    await this.add(ids.map((id) => ({ id, pool: '', priority: this.priorityOf(id) })));
  }

  /** The priority of the first job; infinite when there is none. */
  get first(): number {
    return Math.floor(this.#order.nextAt / 2 ** 32);
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

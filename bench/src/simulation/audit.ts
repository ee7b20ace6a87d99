import { parseEvents } from '@slipway/control-plane/events';
import type { Keys, Redis } from '@slipway/shared/redis';

const finals = new Set(['succeeded', 'failed', 'canceled']);
const page = 5_000;

/** Reads the stream of events, as the notifier does, and checks that each job ends once. */
export class Audit {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #open = new Set<string>();
  readonly counts: Record<string, number> = { succeeded: 0, failed: 0, canceled: 0 };
  /** Jobs with more than one end. */
  endedTwice = 0;
  #position = '-';

  constructor({ redis, keys }: { redis: Redis; keys: Keys }) {
    this.#redis = redis;
    this.#keys = keys;
  }

  accepted(id: string): void {
    this.#open.add(id);
  }

  /** Accepted jobs without an end. */
  get lost(): number {
    return this.#open.size;
  }

  /** Reads the new events and removes them. */
  async read(): Promise<void> {
    for (;;) {
      const entries = await this.#redis.xrange(this.#keys.events, this.#position, '+', 'COUNT', page);
      for (const event of parseEvents(entries)) {
        if (event.kind !== 'job' || !finals.has(event.state)) continue;
        if (!this.#open.delete(event.jobId)) this.endedTwice++;
        this.counts[event.state] = (this.counts[event.state] ?? 0) + 1;
      }
      const last = entries.at(-1)?.[0];
      if (last === undefined) return;
      this.#position = `(${last}`;
      await this.#redis.xtrim(this.#keys.events, 'MINID', last);
    }
  }
}

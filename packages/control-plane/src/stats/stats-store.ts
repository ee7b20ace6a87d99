import { maxStatsMinutes } from '@slipway/shared/contracts';
import { defineScript, type Keys, type Redis } from '@slipway/shared/redis';
import { z } from 'zod';
import { controlPlaneLua } from '../lua/index.js';
import type { Counts } from './minute-counts.js';
import { type MinuteFields, type Series, seriesOf } from './series.js';

interface StatsStoreOptions {
  readonly redis: Redis;
  readonly keys: Keys;
}

const addScript = defineScript({
  folder: controlPlaneLua,
  file: 'stats/add',
  args: z.object({ minute: z.string(), kept_seconds: z.int(), counts: z.array(z.string()) }),
});

/** An hour longer than the longest series that a caller may read. */
const keptSeconds = (maxStatsMinutes + 60) * 60;
/** Minutes per pipeline. Reading a day at once would delay other clients of Redis. */
const readAtOnce = 240;
const pointsAtMost = 120;

/** Series of the activity of the fleet, one hash per minute, kept for a day. */
export class StatsStore {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor({ redis, keys }: StatsStoreOptions) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Adds counts to those of their minutes: one script per minute, nearly always one in total. */
  async add(counts: Counts): Promise<void> {
    for (const [minute, fields] of counts) {
      await addScript.run(
        { redis: this.#redis, keys: this.#keys },
        { minute: String(minute), kept_seconds: keptSeconds, counts: [...fields].flat().map(String) },
      );
    }
  }

  /** Returns the last minutes up to `now` (ms since the epoch), the current one included, in at most 120 points. */
  async read(minutes: number, now: number): Promise<Series> {
    const step = Math.ceil(minutes / pointsAtMost);
    const last = Math.floor(now / 60_000);
    // Points begin at multiples of their length, so that two readings have the same points.
    const first = (Math.floor(last / step) - Math.ceil(minutes / step) + 1) * step;
    const wanted = Array.from({ length: last - first + 1 }, (_, at) => first + at);
    const fields: MinuteFields[] = [];
    for (let at = 0; at < wanted.length; at += readAtOnce) {
      const page = wanted.slice(at, at + readAtOnce);
      const pipeline = this.#redis.pipeline();
      for (const minute of page) pipeline.hgetall(this.#keys.minute(String(minute)));
      const replies = (await pipeline.exec()) ?? [];
      page.forEach((minute, index) => {
        const [error, reply] = replies[index] ?? [];
        if (error) throw error;
        fields.push({ minute, fields: reply as Record<string, string> });
      });
    }
    return seriesOf({ first, step, points: Math.ceil(wanted.length / step), minutes: fields });
  }
}

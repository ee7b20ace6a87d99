import { setTimeout as sleep } from 'node:timers/promises';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis } from '@slipway/shared/redis';
import { readStats } from '@slipway/simulator';
import type { Arena } from '../arena.js';
import { imageOf, submitLoad, submitOne, wishes } from '../load.js';
import { waitFor } from '../waiting.js';
import type { Refusals } from './refusals.js';

interface MemoryOptions {
  readonly arena: Arena;
  readonly refusals: Refusals;
  readonly run: number;
}

const code = 'redis_full';
const batchItems = 200;
/** Bytes of free memory in Redis for each round: enough for a part of a batch at most. */
const roomBytes = [-1, 20_000, 150_000];
const fullMs = 4_000;

/**
 * Limits the memory of Redis during submissions, builds, logs and batches, then removes the limit. Returns the number of
 * half-written records.
 */
export async function fillRedis({ arena, refusals, run }: MemoryOptions): Promise<number> {
  const { fleet, chaos, note, ledger } = arena;
  const cleanups = new Cleanups();
  const logger = createLogger({ name: 'chaos', level: 'silent' });
  const redis = connectRedis({ url: fleet.redisUrl, name: 'chaos', logger, cleanups, mode: 'patient' });
  try {
    const load = submitLoad({
      arena,
      wishes: wishes(chaos.jobs, `memory-${run}`).map((wish) => ({ ...wish, expected: 'succeeded' })),
      perSecond: 10,
      onRefused({ answer }) {
        if (answer) refusals.judge('job', code, answer);
      },
    });
    await submitOne({ arena }, { name: `running-${run}`, expected: 'succeeded' });
    const refusedImages: string[] = [];
    let refusedBatches = 0;
    for (const [at, room] of roomBytes.entries()) {
      await limitMemory(redis, room);
      const images = Array.from({ length: batchItems }, (_, item) => imageOf(`batch-${run}-${at}-${item}`));
      const answer = await fleet.calls.call('/v1/batches', {
        method: 'POST',
        json: {
          items: images.map((image) => ({ image })),
          defaults: { source: { digest: fleet.source } },
        },
      });
      if (refusals.judge('batch', code, answer)) {
        refusedBatches++;
        refusedImages.push(...images);
      }
    }
    await limitMemory(redis, -1);
    note(`redis is full; ${ledger.accepted.size} jobs are accepted`);
    await sleep(fullMs);
    const read = await fleet.calls.call('/v1/jobs?limit=1');
    await redis.config('SET', 'maxmemory', '0');
    note('redis has room again');
    await load;
    await submitOne({ arena }, { name: `after-memory-${run}`, expected: 'succeeded' });
    const queue = await waitFor('no batch to be half there', 60_000, async () => {
      const drafts = await redis.zcard(`{${fleet.redisPrefix}}:batches:drafts`);
      return drafts === 0 ? drafts : undefined;
    });
    const stats = await Promise.all(fleet.replicas.map(({ url }) => readStats(url)));
    const built = refusedImages.filter((image) =>
      stats.some(({ images }) => (images[image]?.begun ?? 0) > 0),
    );
    if (built.length > 0) note(`${built.length} jobs of refused batches were built`);
    if (read.status !== 200) note(`reading was answered with ${read.status}`);
    if (refusedBatches === 0) note('no batch was refused');
    return queue + built.length + (read.status === 200 ? 0 : 1) + (refusedBatches > 0 ? 0 : 1);
  } finally {
    await redis.config('SET', 'maxmemory', '0');
    await cleanups.run(logger);
  }
}

/** Limits Redis to its used memory plus `room` bytes. A negative `room` makes it full. */
async function limitMemory(redis: Redis, room: number): Promise<void> {
  const used = Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]);
  await redis.config('SET', 'maxmemory', String(room < 0 ? Math.floor(used / 2) : used + room));
}

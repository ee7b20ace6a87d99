import { parseEvents } from '@slipway/control-plane/events';
import { isTerminal } from '@slipway/shared/contracts';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, redisKeys } from '@slipway/shared/redis';
import type { Fleet } from '@slipway/simulator';

const pageSize = 1_000;

/** Returns the number of terminal events in the event stream, by job. */
export async function terminalEvents({ redisUrl, redisPrefix }: Fleet): Promise<Map<string, number>> {
  const logger = createLogger({ name: 'chaos', level: 'warn' });
  const cleanups = new Cleanups();
  const redis = connectRedis({ url: redisUrl, name: 'chaos', logger, cleanups, mode: 'request' });
  const { events } = redisKeys(redisPrefix);
  const counts = new Map<string, number>();
  try {
    for (let start = '-'; ; ) {
      const page = await redis.xrange(events, start, '+', 'COUNT', pageSize);
      for (const event of parseEvents(page)) {
        if (event.kind !== 'job') continue;
        const { jobId, state } = event;
        if (isTerminal(state)) counts.set(jobId, (counts.get(jobId) ?? 0) + 1);
      }
      if (page.length < pageSize) return counts;
      start = `(${page.at(-1)?.[0]}`;
    }
  } finally {
    await cleanups.run(logger);
  }
}

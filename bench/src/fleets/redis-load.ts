import type { Records } from './records.js';

/** Returns the milliseconds of processor time that Redis has used. */
export async function redisMs({ redis }: Records): Promise<number> {
  const info = await redis.info('cpu');
  const seconds = [...info.matchAll(/^used_cpu_(?:sys|user):([\d.]+)/gm)].map(([, each]) => Number(each));
  return seconds.reduce((sum, each) => sum + each, 0) * 1_000;
}

/** Returns how often Redis ran each command, also inside of scripts. */
export async function commandCalls({ redis }: Records): Promise<{ name: string; calls: number }[]> {
  const info = await redis.info('commandstats');
  return [...info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name = '', calls]) => ({
    name,
    calls: Number(calls),
  }));
}

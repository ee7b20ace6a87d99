import { type Keys, type Redis, scriptsIn } from '@slipway/shared/redis';
import { z } from 'zod';
import { controlPlaneLua } from '../lua/index.js';
import { queueKeys } from '../queues/index.js';
import type { PoolDemand } from './wanted.js';

/** Limit of jobs that are read of each kind, so that the cost does not grow with the queue. */
const sampled = 128;
const script = scriptsIn(controlPlaneLua, 'replicas/');
const demandScript = script('demand', { pool: z.string(), queue: z.string(), limit: z.int() });

/** Reads the demand of a pool from Redis, in one call whose cost is bounded. */
export async function readDemand(
  on: { readonly redis: Redis; readonly keys: Keys },
  pool: string,
): Promise<PoolDemand> {
  const args = { pool, queue: queueKeys(on.keys, pool), limit: sampled };
  const reply = (await demandScript.run(on, args)) as [
    ...[runningTotal: number, queueTotal: number, mean: string, runningRead: number, queueRead: number],
    ...[running: string[], queued: string[], beside: string[], rooms: string[]],
  ];
  const [runningTotal, queueTotal, mean, runningRead, queueRead, running, queued, beside, rooms] = reply;
  const builds = pairs(running).map(([expected, elapsed]) => ({
    expectedMs: millis(expected),
    elapsedMs: Number(elapsed),
  }));
  const ready = (list: string[], weight: number) =>
    pairs(list).map(([tenant, expected]) => ({ tenant, expectedMs: millis(expected), weight }));
  return {
    meanBuildMs: millis(mean),
    running: runningRead === 0 ? 0 : Math.round((runningTotal * builds.length) / runningRead),
    builds,
    ready: [...ready(queued, queueRead === 0 ? 1 : queueTotal / queueRead), ...ready(beside, 1)],
    rooms: new Map(pairs(rooms).map(([tenant, room]) => [tenant, Number(room)])),
  };
}

const millis = (text: string) => (text === '' ? undefined : Number(text));

function pairs(flat: readonly string[]): [string, string][] {
  const list: [string, string][] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) list.push([flat[at] as string, flat[at + 1] as string]);
  return list;
}

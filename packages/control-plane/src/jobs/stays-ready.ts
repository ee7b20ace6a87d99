import { type Keys, type Redis, scriptsIn } from '@slipway/shared/redis';
import { z } from 'zod';
import { controlPlaneLua } from '../lua/index.js';
import { queueKeys } from '../queues/index.js';

const script = scriptsIn(controlPlaneLua, 'jobs/')('stays-ready', {
  id: z.string(),
  pool: z.string(),
  queue: z.string(),
  priority: z.int(),
  yields: z.boolean(),
});

/** A job that a worker holds ready without a slot. */
export interface ReadyJob {
  readonly id: string;
  readonly pool: string;
  readonly priority: number;
  /** Returns to the queue when another job there comes earlier. */
  readonly yields: boolean;
}

/** Returns false when a ready job is to return to the queue; see lua/jobs/stays-ready.lua. */
export async function staysReady(
  on: { readonly redis: Redis; readonly keys: Keys },
  job: ReadyJob,
): Promise<boolean> {
  return (await script.run(on, { ...job, queue: queueKeys(on.keys, job.pool) })) === 1;
}

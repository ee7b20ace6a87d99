import type { ErrorCode } from '@slipway/shared/errors';
import { type Keys, type Redis, scriptsIn } from '@slipway/shared/redis';
import { z } from 'zod';
import { controlPlaneLua } from '../lua/index.js';

interface On {
  readonly redis: Redis;
  readonly keys: Keys;
}

/** The live log of a job whose log is not stored is kept for this time. */
const keptSeconds = 24 * 3600;

const script = scriptsIn(controlPlaneLua, 'logs/');
const scripts = {
  unsaved: script('unsaved', {
    id: z.string(),
    attempt: z.int(),
    code: z.string(),
    kept_seconds: z.int(),
  }),
  saved: script('saved', { id: z.string(), attempt: z.int() }),
};

/** Records in the job that the end of an attempt's log is not stored, with the code of the fault. The leader tries again. */
export async function noteUnsavedLog(
  on: On,
  log: { readonly jobId: string; readonly attempt: number; readonly code: ErrorCode },
): Promise<void> {
  const { jobId: id, attempt, code } = log;
  await scripts.unsaved.run(on, { id, attempt, code, kept_seconds: keptSeconds });
}

/** Ends the attempts to store a log. `attempt` is the one whose log is stored now; undefined if it is lost. */
export async function noteSavedLog(
  on: On,
  { jobId: id, attempt = 0 }: { readonly jobId: string; readonly attempt?: number | undefined },
): Promise<void> {
  await scripts.saved.run(on, { id, attempt });
}

/** Returns ids of jobs whose log is not stored, the oldest first. */
export async function unsavedLogs({ redis, keys }: On, limit: number): Promise<string[]> {
  return await redis.zrange(keys.logsUnsaved, '0', String(limit - 1));
}

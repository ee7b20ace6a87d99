import { type FunctionView, type JobResult, type JobState, jobStates } from '@slipway/shared/contracts';
import { defineScript, type Keys, type Redis } from '@slipway/shared/redis';
import { z } from 'zod';
import { controlPlaneLua } from '../lua/index.js';
import { objectField, timeField, wordField } from '../records/index.js';

export type FunctionHistory = NonNullable<FunctionView['history']>;

const historyScript = defineScript({
  folder: controlPlaneLua,
  file: 'functions/history',
  args: z.object({ tenant: z.string(), name: z.string(), limit: z.int(), most_looked_at: z.int() }),
});

type Row = readonly [id: string, state: JobState, createdAt: string, result: string, code: string];

const mostLookedAt = 1_000;

interface HistoryOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly tenant: string;
  /** namespace/name */
  readonly name: string;
  /** Limit of jobs. */
  readonly limit: number;
}

/** Returns the last jobs of a function, newest first, in one round trip. */
export async function readHistory(options: HistoryOptions): Promise<FunctionHistory> {
  const { redis, keys, tenant, name, limit } = options;
  const rows = await historyScript.run(
    { redis, keys },
    { tenant, name, limit, most_looked_at: mostLookedAt },
  );
  return (rows as Row[]).flatMap((row) => toEntry(row) ?? []);
}

/** Returns an entry, or undefined for a job whose record cannot be read. */
function toEntry([job, state, createdAt, resultText, code]: Row): FunctionHistory[number] | undefined {
  const fields = { state, created_at: createdAt, result: resultText };
  try {
    const result = resultText === '' ? undefined : objectField<JobResult>(fields, 'result');
    const at = timeField(fields, 'created_at');
    return entry({ job, state: wordField(fields, 'state', jobStates), at, result, code });
  } catch {
    return undefined;
  }
}

interface Entry {
  readonly job: string;
  readonly state: JobState;
  readonly at: number;
  readonly result: JobResult | undefined;
  readonly code: string;
}

function entry({ job, state, at, result, code }: Entry): FunctionHistory[number] {
  return {
    job,
    state,
    created_at: new Date(at).toISOString(),
    ...(result && { duration_ms: result.duration_ms }),
    ...(result?.digest !== undefined && { digest: result.digest }),
    ...(code !== '' && { code }),
  };
}

import { type FunctionView, type JobResult, type JobState, jobStates } from '../contracts/index.js';
import { objectField, timeField, wordField } from '../records/index.js';
import { defineScript, type Keys, type Redis } from '../redis/index.js';

export type FunctionHistory = NonNullable<FunctionView['history']>;

/**
 * The last jobs of one function, newest first. Its index holds those of all tenants: others' are passed over, and after ARGV[4] ids
 * the search ends with what it has. Of an error only its code is answered, since it holds the end of a log too. `"code":"` cannot
 * stand in the text of one, where quotes are escaped.
 *
 * KEYS: 1 the index of the function (sorted set). The records are found by ARGV[1]; they share the hash tag of the declared one.
 * ARGV: 1 base of all keys, 2 tenant, 3 most entries, 4 most ids to look at.
 * Returns {{id, state, created_at, result as JSON or '', code or ''}, …}.
 */
const historyScript = defineScript(`
local found, start, looked = {}, '+', 0
local limit, most = tonumber(ARGV[3]), tonumber(ARGV[4])
repeat
  local ids = redis.call('ZREVRANGEBYLEX', KEYS[1], start, '-', 'LIMIT', 0, limit)
  for _, id in ipairs(ids) do
    local key = ARGV[1] .. 'job:' .. id
    if redis.call('HGET', key, 'tenant') == ARGV[2] then
      local f = redis.call('HMGET', key, 'state', 'created_at', 'result', 'error')
      local code = f[4] and string.match(f[4], '"code":"([%w_]+)"') or ''
      found[#found + 1] = { id, f[1], f[2], f[3] or '', code }
      if #found == limit then return found end
    end
    start = '(' .. id
  end
  looked = looked + #ids
until #ids < limit or looked >= most
return found
`);

type Row = readonly [id: string, state: JobState, createdAt: string, result: string, code: string];

const mostLookedAt = 1_000;

interface HistoryOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly tenant: string;
  /** namespace/name */
  readonly name: string;
  /** Jobs at most. */
  readonly limit: number;
}

/** How a function's last jobs ended, newest first, in one round trip. */
export async function readHistory(options: HistoryOptions): Promise<FunctionHistory> {
  const { redis, keys, tenant, name, limit } = options;
  const args = [keys.base, tenant, limit, mostLookedAt];
  const rows = await historyScript.run(redis, [keys.index(`function:${name}`)], args);
  return (rows as Row[]).flatMap((row) => toEntry(row) ?? []);
}

/** Undefined for a job whose record cannot be read. */
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

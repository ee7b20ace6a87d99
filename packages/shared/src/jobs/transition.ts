import type { RecordFaults } from '../records/index.js';
import { defineScript, type Keys, type Redis } from '../redis/index.js';
import type { Tracing } from '../tracing/index.js';
import { batch } from './lua/batch.js';
import { create, createJob } from './lua/create.js';
import { end } from './lua/end.js';
import { prelude } from './lua/prelude.js';
import { wakeRegistries } from './lua/registries.js';
import { remove } from './lua/remove.js';
import { start } from './lua/start.js';
import { tenants } from './lua/tenants.js';
import { verify } from './lua/verify.js';

const onlyIfNotEnded = `
if not state then return { 'missing' } end
if state == 'succeeded' or state == 'failed' or state == 'canceled' then return { 'terminal', state } end
if op ~= 'peek' and op ~= 'place' then verify(job) end
`;

/**
 * The one way a job record changes. In one atomic step it checks the state machine and the attempt's token,
 * writes the record, moves the job between the indexes of its state and appends to the event stream.
 *
 *   (none) ──create──▶ queued ──start──▶ running ──finish──▶ succeeded | failed | canceled
 *                        │  ▲               │ │ ▲
 *                        │  └───requeue─────┘ └─┘ start: the job was delivered again, so the worker that
 *                        │                        held it is lost; its token is void from now on
 *                        └──cancel, peek──▶ canceled | failed
 *
 * A job whose image has been built from the same already may be created `succeeded`, and one that is identical to a job that
 * is being built ends as that one does.
 *
 * Terminal states never change. Only the holder of the current token may finish, requeue or place.
 *
 * KEYS: 1 record (hash). The other keys are made from ARGV[1]; they share the hash tag of the declared one.
 * ARGV: 1 base of all keys, 2 operation, 3 job id (a batch's for operations of batches, none for those of tenants and registries), then what the operation takes.
 * Returns {{outcome, …}, {{id, priority, pool}, …}}: the outcomes are listed at `TransitionReply`; the jobs are those that may go to
 * the queue from now on because of it.
 */
const transitionScript = defineScript(
  `${prelude}
${verify}
${createJob}
local function run()
${[create, batch, tenants, wakeRegistries, remove, onlyIfNotEnded, start, end].join('\n')}
end
return { run(), released }`,
);

/**
 * `ok`; `exists` (create); `closed` (create): its batch takes no more jobs; `source_gone` (create): a source, `[1]`, was removed; `missing`: no such record; `terminal`: the job has ended, `[1]` says how;
 * `stale`: the token is not the current one; `requested`: the job runs and its worker is to stop it;
 * `wait`: it may not start now; `values_missing` (create): values that it lists are not stored; `full` (create, batch:open): its tenant has no room, `[1]` says
 * how many bytes it has.
 */
export type TransitionReply =
  | readonly ['ok', ...unknown[]]
  | readonly ['exists' | 'closed' | 'missing' | 'stale' | 'requested' | 'wait' | 'values_missing']
  | readonly ['terminal' | 'source_gone' | 'full', string];

/** A job for the queue. */
export interface DispatchJob {
  readonly id: string;
  /** Whose queue it goes to. */
  readonly pool: string;
  /** Lower is earlier. */
  readonly priority: number;
}

export interface TransitionOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** Milliseconds since the epoch, by Redis' time. The machine's unless given. */
  readonly now?: (() => number) | undefined;
  /** Receives records that cannot be read. */
  readonly faults?: RecordFaults | undefined;
  /** Told of jobs that may go to the queue because of a change; the reconciler finds them too, seconds later. */
  readonly onReleased?: ((jobs: readonly DispatchJob[]) => void) | undefined;
  /** What jobs and batches are created in is kept with them. */
  readonly tracing?: Tracing | undefined;
}

export type Transition = (
  operation: string,
  id: string,
  ...args: (string | number)[]
) => Promise<TransitionReply>;

export function createTransition({ redis, keys, onReleased }: TransitionOptions): Transition {
  return async (operation, id, ...args) => {
    const record = operation.startsWith('batch:') ? keys.batch(id) : keys.job(id);
    const reply = await transitionScript.run(redis, [record], [keys.base, operation, id, ...args]);
    const [outcome, released] = reply as [TransitionReply, [string, string, string][]];
    if (released.length > 0) {
      onReleased?.(
        released.map(([jobId, priority, pool]) => ({ id: jobId, pool, priority: Number(priority) })),
      );
    }
    return outcome;
  };
}

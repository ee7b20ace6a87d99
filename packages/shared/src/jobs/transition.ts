import { defineScript } from '../redis/index.js';
import { create } from './lua/create.js';
import { end } from './lua/end.js';
import { prelude } from './lua/prelude.js';
import { start } from './lua/start.js';

const onlyIfNotEnded = `
if not state then return { 'missing' } end
if state == 'succeeded' or state == 'failed' or state == 'canceled' then return { 'terminal', state } end
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
 * Terminal states never change. Only the holder of the current token may finish, requeue or place.
 *
 * KEYS: 1 record (hash), 2 event stream, 3 undispatched (sorted set), 4 log stream. The other keys are made
 * from ARGV[1]; they share the hash tag of the declared ones.
 * ARGV: 1 base of all keys, 2 operation, 3 job id, then what the operation takes.
 * Returns {outcome, …}; the outcomes are listed at `TransitionReply`.
 */
export const transitionScript = defineScript([prelude, create, onlyIfNotEnded, start, end].join('\n'));

/**
 * `ok`; `exists` (create); `missing`: no such record; `terminal`: the job has ended, `[1]` says how;
 * `stale`: the token is not the current one; `requested`: the job runs and its worker is to stop it;
 * `wait`: it may not start now.
 */
export type TransitionReply =
  | readonly ['ok', ...unknown[]]
  | readonly ['exists' | 'missing' | 'stale' | 'requested' | 'wait']
  | readonly ['terminal', string];

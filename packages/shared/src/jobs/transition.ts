import { defineScript } from '../redis/index.js';

/**
 * The one way a job record changes. In one atomic step it checks the state machine and the attempt's token,
 * writes the record, moves the job between the indexes of its state and appends to the event stream.
 *
 *   (none) ──create──▶ queued ──start──▶ running ──finish──▶ succeeded | failed | canceled
 *                        │  ▲               │ │ ▲
 *                        │  └───requeue─────┘ └─┘ start: the job was delivered again, so the worker that
 *                        └──cancel──▶ canceled           held it is lost; its token is void from now on
 *
 * Terminal states never change. Only the holder of the current token may finish, requeue or place.
 *
 * KEYS: 1 record (hash), 2 event stream, 3 undispatched (sorted set), 4 log stream. The index keys are made
 * from ARGV[1]; they share the hash tag of the declared ones.
 * ARGV: 1 base of all keys, 2 operation, 3 job id, then what the operation takes.
 * Returns {outcome, …}; the outcomes are listed at `TransitionReply`.
 */
const lua = `
local record, events, undispatched, log = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local base, op, id = ARGV[1], ARGV[2], ARGV[3]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local clock = string.format('%.0f', now)

local function get(field) return redis.call('HGET', record, field) end

local function change(from, to, type)
  local version = redis.call('HINCRBY', record, 'version', 1)
  redis.call('HSET', record, 'state', to)
  if from ~= to then
    if from then redis.call('ZREM', base .. 'index:state:' .. from, id) end
    redis.call('ZADD', base .. 'index:state:' .. to, 0, id)
  end
  redis.call('XADD', events, '*', 'type', type, 'job', id, 'state', to, 'version', version, 'at', clock)
end

local function settle(from, to)
  redis.call('HSET', record, 'finished_at', clock)
  redis.call('HDEL', record, 'token', 'retry_at')
  redis.call('ZREM', undispatched, id)
  redis.call('PEXPIRE', log, 300000)
  change(from, to, 'job.' .. to)
end

local function close_attempt(outcome, detail)
  redis.call('HSET', record, 'end:' .. get('attempt'), cjson.encode({ at = now, outcome = outcome, detail = detail }))
end

local function canceled_error()
  redis.call('HSET', record, 'error', '{"code":"canceled","detail":"The job was canceled.","log_tail":[]}')
end

local state = get('state')

if op == 'create' then
  if state then return { 'exists' } end
  redis.call('HSET', record, 'spec', ARGV[4], 'created_at', clock, 'attempt', 0, 'spent', 0, 'lost', 0)
  if ARGV[5] ~= '' then redis.call('HSET', record, 'sealed_callback_secret', ARGV[5]) end
  redis.call('ZADD', base .. 'index:all', 0, id)
  for i = 6, #ARGV do redis.call('ZADD', base .. 'index:' .. ARGV[i], 0, id) end
  redis.call('ZADD', undispatched, now, id)
  change(false, 'queued', 'job.queued')
  return { 'ok' }
end

if not state then return { 'missing' } end
if state == 'succeeded' or state == 'failed' or state == 'canceled' then return { 'terminal', state } end

if op == 'start' then
  local token, worker, max_lost = ARGV[4], ARGV[5], tonumber(ARGV[6])
  redis.call('ZREM', undispatched, id)
  if state == 'running' then
    close_attempt('worker_lost', 'The worker was lost during the build.')
    redis.call('HINCRBY', record, 'spent', 1)
    local lost = redis.call('HINCRBY', record, 'lost', 1)
    if lost >= max_lost then
      redis.call('HSET', record, 'error', ARGV[7])
      settle(state, 'failed')
      return { 'terminal', 'failed' }
    end
  end
  if get('cancel_requested') then
    canceled_error()
    settle(state, 'canceled')
    return { 'terminal', 'canceled' }
  end
  local number = redis.call('HINCRBY', record, 'attempt', 1)
  redis.call('HSET', record, 'token', token, 'start:' .. number, cjson.encode({ at = now, worker = worker }))
  redis.call('HSETNX', record, 'started_at', clock)
  redis.call('HDEL', record, 'retry_at')
  change(state, 'running', 'job.started')
  return { 'ok', state, redis.call('HGETALL', record) }
end

if op == 'cancel' then
  if state == 'queued' then
    canceled_error()
    redis.call('HSET', record, 'cancel_requested', 1)
    settle(state, 'canceled')
    return { 'ok' }
  end
  redis.call('HSET', record, 'cancel_requested', 1)
  return { 'requested' }
end

if state ~= 'running' or get('token') ~= ARGV[4] then return { 'stale' } end

if op == 'place' then
  redis.call('HSET', record, 'replica:' .. get('attempt'), ARGV[5])
  return { 'ok' }
end

if op == 'finish' then
  local to, outcome, detail, field, body = ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9]
  close_attempt(outcome, detail)
  redis.call('HSET', record, field, body)
  settle(state, to)
  return { 'ok' }
end

if op == 'requeue' then
  local outcome, detail, spent, delay = ARGV[5], ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8])
  if spent > 0 then
    close_attempt(outcome, detail)
    redis.call('HINCRBY', record, 'spent', spent)
  else
    local number = get('attempt')
    redis.call('HDEL', record, 'start:' .. number, 'replica:' .. number)
  end
  redis.call('HDEL', record, 'token')
  redis.call('HSET', record, 'retry_at', string.format('%.0f', now + delay))
  change(state, 'queued', 'job.requeued')
  return { 'ok' }
end

return redis.error_reply('unknown operation ' .. op)
`;

export const transitionScript = defineScript(lua);

/**
 * `ok`; `exists` (create); `missing`: no such record; `terminal`: the job has ended, `[1]` says how;
 * `stale`: the token is not the current one; `requested`: the job runs and its worker is to stop it.
 */
export type TransitionReply =
  | readonly ['ok', ...unknown[]]
  | readonly ['exists' | 'missing' | 'stale' | 'requested']
  | readonly ['terminal', string];

import { schemaVersions } from '../../records/index.js';

/**
 * The id is a batch's here.
 * open: 4 tenant, 5 total, 6 `continue` or `stop`, 7 how many of it may be in the queue at once or 0, 8 labels as JSON,
 * 9 callback as JSON or '', 10 its sealed secret or '', 11 the batch that it repeats or '', 12 the trace it was submitted in or '',
 * 13 bytes that its jobs will take, 14 what its tenant may have or ''. Returns {'full', bytes that the tenant has} where it has no room for all of it.
 * commit: takes the jobs that were created for it as accepted, all of them: the first go to the queue. Until then none does.
 * stop: nothing of it begins from now on; whoever asks has its jobs canceled one by one. What was not committed never will be.
 * give_up: the same, only of one that was not committed.
 * Returns {'ok'}, {'missing'}, or {'terminal'} when it has ended, or was accepted or stopped before.
 */
export const batch = `
if op == 'batch:open' then
  local key = base .. 'batch:' .. id
  local tenant, reserved = ARGV[4], tonumber(ARGV[13])
  local stored = 1500 + #ARGV[8] + #ARGV[9] + #ARGV[10]
  note_limit(tenant, ARGV[14])
  if not has_room(tenant, reserved + stored, 1) then return { 'full', whole(charged(tenant)) } end
  charge(tenant, reserved + stored)
  redis.call('HSET', key, 'stored', whole(stored), 'reserved', whole(reserved))
  redis.call('HSET', key, 'schema', ${schemaVersions.batch}, 'tenant', ARGV[4], 'total', ARGV[5], 'on_failure', ARGV[6], 'max_running', ARGV[7], 'labels', ARGV[8],
    'created_at', clock(now), 'queued', 0, 'running', 0, 'succeeded', 0, 'failed', 0, 'canceled', 0)
  if ARGV[9] ~= '' then redis.call('HSET', key, 'callback', ARGV[9]) end
  if ARGV[10] ~= '' then redis.call('HSET', key, 'sealed_callback_secret', ARGV[10]) end
  if ARGV[11] ~= '' then redis.call('HSET', key, 'retry_of', ARGV[11]) end
  if ARGV[12] ~= '' then redis.call('HSET', key, 'trace', ARGV[12]) end
  redis.call('ZADD', base .. 'batches:drafts', now, id)
  return { 'ok' }
end

local function batch_with_id()
  return { id = id, key = base .. 'batch:' .. id, events = base .. 'batch:events:' .. id, parked = base .. 'batch:parked:' .. id }
end

-- Gives back what no job of the batch has taken.
local function end_reservation(batch)
  local f = redis.call('HMGET', batch.key, 'tenant', 'reserved')
  if not f[2] then return end
  charge(f[1], -tonumber(f[2]))
  redis.call('HDEL', batch.key, 'reserved')
end

if op == 'batch:commit' then
  local batch = batch_with_id()
  local f = redis.call('HMGET', batch.key, 'tenant', 'stopped', 'committed', 'on_failure', 'failed')
  if not f[1] then return { 'missing' } end
  if f[2] or f[3] then return { 'terminal', 'closed' } end
  redis.call('ZREM', base .. 'batches:drafts', id)
  redis.call('HSET', batch.key, 'committed', 1)
  end_reservation(batch)
  redis.call('ZADD', base .. 'batches:open', now, id)
  local index = base .. 'index:batches:' .. f[1]
  redis.call('ZADD', index, 0, id)
  -- Those that are over and gone leave the list as others come.
  for _, oldest in ipairs(redis.call('ZRANGE', index, 0, 1)) do
    if redis.call('EXISTS', base .. 'batch:' .. oldest) == 0 then redis.call('ZREM', index, oldest) end
  end
  if f[4] == 'stop' and f[5] ~= '0' then stop_batch(batch, 'job_failed') end
  while release_next_of(batch) do end
  end_batch_if_done(batch)
  return { 'ok' }
end

if op == 'batch:stop' or op == 'batch:give_up' then
  local batch = batch_with_id()
  local f = redis.call('HMGET', batch.key, 'tenant', 'finished_at', 'committed')
  if not f[1] then return { 'missing' } end
  if f[2] or (op == 'batch:give_up' and f[3]) then return { 'terminal', 'closed' } end
  redis.call('ZREM', base .. 'batches:drafts', id)
  if redis.call('HSETNX', batch.key, 'committed', 0) == 1 then
    redis.call('HSET', batch.key, 'total', redis.call('ZCARD', base .. 'index:batch:' .. id))
  end
  end_reservation(batch)
  stop_batch(batch, 'canceled')
  end_batch_if_done(batch)
  return { 'ok' }
end
`;

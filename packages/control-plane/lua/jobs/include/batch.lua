--- @include "jobs/include/lifecycle"
-- The steps of a whole batch.

local function batch_at(id)
  return { id = id, key = keys.batch(id), events = keys.batchEvents(id), parked_jobs = keys.batchParked(id) }
end

-- Returns the reserved bytes that no job of the batch has used.
local function end_reservation(batch)
  local f = redis.call('HMGET', batch.key, 'tenant', 'reserved')
  if not f[2] then return end
  charge(f[1], -tonumber(f[2]))
  redis.call('HDEL', batch.key, 'reserved')
end

-- Accepts a draft, and releases its first jobs to the queue. Returns the outcome without the record: `ok`, `missing`, or `closed` when the batch is already accepted or
-- stopped.
local function commit_batch(batch)
  local f = redis.call('HMGET', batch.key, 'tenant', 'stopped', 'committed', 'on_failure', 'failed')
  if not f[1] then return 'missing' end
  if f[2] or f[3] then return 'closed' end
  redis.call('ZREM', keys.draftBatches, batch.id)
  redis.call('HSET', batch.key, 'committed', 1)
  end_reservation(batch)
  redis.call('ZADD', keys.openBatches, now, batch.id)
  local index = keys.index('batches:' .. f[1])
  redis.call('ZADD', index, 0, batch.id)
  -- Each new batch removes up to two expired ones from the list.
  for _, oldest in ipairs(redis.call('ZRANGE', index, 0, 1)) do
    if redis.call('EXISTS', keys.batch(oldest)) == 0 then redis.call('ZREM', index, oldest) end
  end
  if f[4] == 'stop' and f[5] ~= '0' then stop_batch(batch, 'job_failed') end
  while release_next_of_batch(batch) do end
  end_batch_if_done(batch)
  return 'ok'
end

-- Stops a batch that has not ended: the caller cancels its jobs one by one. A stopped draft is never committed.
local function cancel_batch(batch)
  redis.call('ZREM', keys.draftBatches, batch.id)
  if redis.call('HSETNX', batch.key, 'committed', 0) == 1 then
    redis.call('HSET', batch.key, 'total', redis.call('ZCARD', keys.index('batch:' .. batch.id)))
  end
  end_reservation(batch)
  stop_batch(batch, 'canceled')
  end_batch_if_done(batch)
end

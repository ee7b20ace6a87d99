--- @include "jobs/include/verify"
--- @include "jobs/include/queue"
--- @include "functions/include/record"
-- The steps that end a job, release it, and release the jobs that wait for it.
--
-- A job that needs several pools has a `plan`. Instead of going to the queue, it creates a job for each pool from the plan. The plan is a list (see `strings_of`) with one
-- list for each part: id, pool, spec, build key, expected, pushes_to, shared values, indexes … When all parts have succeeded, the job itself goes to the queue, to
-- join their images. When a part fails or is canceled, the job ends the same way, and its other parts are canceled.

local create_job, part_ended, settle, cancel_queued, settle_with

-- Returns the strings of a list in one text: each is written as its length in bytes, a colon and the string itself.
local function strings_of(text)
  local list, at = {}, 1
  while at <= #text do
    local colon = string.find(text, ':', at, true)
    local last = colon + tonumber(string.sub(text, at, colon - 1))
    list[#list + 1] = string.sub(text, colon + 1, last)
    at = last + 1
  end
  return list
end

-- Bytes of the record of a part besides its plan.
local part_bytes = 2500

-- Creates a job for each part, in the queue of its pool.
local function begin_parts(job)
  local f = redis.call('HMGET', job.key, 'tenant', 'weight', 'band', 'manner', 'trace', 'plan')
  if not f[6] then
    return settle_with(job, 'queued', 'failed', 'internal', 'An older version of Slipway accepted the job without a plan of its parts. Submit it again.')
  end
  local parts = strings_of(f[6])
  redis.call('HSET', job.key, 'parked', 'parts', 'parts_left', #parts)
  for _, part in ipairs(parts) do
    local p = strings_of(part)
    create_job(job_of(p[1]), { spec = p[3], shared = p[7], tenant = f[1], weight = tonumber(f[2]), class = tonumber(f[3]),
      expected = p[5], references = words_of(p[6]), build_key = p[4], reuse = f[4],
      pool = p[2], indexes = { unpack(p, 8) }, stored = #part + part_bytes, part_of = job.id, trace = f[5] or nil })
  end
end

local function release(job)
  redis.call('HDEL', job.key, 'parked', 'shares')
  local f = redis.call('HMGET', job.key, 'parts', 'parts_left')
  if f[1] and f[2] ~= '0' then return begin_parts(job) end
  enqueue(job)
end

--- @include "jobs/include/registry"
--- @include "jobs/include/blame"
-- Releases the next job of a batch, unless the batch has no parked job or has reached its limit in the queue. Returns whether it did.
local function release_next_of(batch)
  local f = redis.call('HMGET', batch.key, 'committed', 'stopped', 'max_running', 'outstanding')
  local most = tonumber(f[3] or '0')
  if not f[1] or f[2] or (most > 0 and tonumber(f[4] or '0') >= most) then return false end
  local next = redis.call('ZPOPMIN', batch.parked)
  if not next[1] then return false end
  redis.call('HINCRBY', batch.key, 'outstanding', 1)
  release(job_of(next[1]))
  return true
end

-- Returns how many more jobs of a tenant may run now; nil for a tenant without a limit.
local function room_of(tenant)
  local most = redis.call('HGET', keys.tenant(tenant), 'running_jobs')
  return most and tonumber(most) - redis.call('ZCARD', tenant_index(tenant, 'running'))
end

-- Parks the job when its tenant runs as many jobs as it may, and returns whether it did. The end of another job releases it.
local function wait_for_tenant(job)
  local tenant = get(job, 'tenant')
  local room = room_of(tenant)
  if not room or room > 0 then return false end
  redis.call('HSET', job.key, 'parked', 'tenant')
  forget_undispatched(job)
  redis.call('ZADD', keys.tenantParked(tenant), get(job, 'priority'), job.id)
  redis.call('ZADD', keys.parkedTenants, 0, tenant)
  return true
end

-- Releases the first job that waits for its tenant, if there is room. Another job may still take that room first.
local function release_next_of_tenant(tenant)
  if not redis.call('ZSCORE', keys.parkedTenants, tenant) then return false end
  local room = room_of(tenant)
  if room and room <= 0 then return false end
  local next = redis.call('ZPOPMIN', keys.tenantParked(tenant))
  if not next[1] then
    redis.call('ZREM', keys.parkedTenants, tenant)
    return false
  end
  release(job_of(next[1]))
  return true
end

local function leave_running(job)
  local places = places_of(job)
  leave(job, places.worker)
  leave(job, places.replica)
  local running = running_keys(references_of(job))
  local holders, held = #running > 0 and redis.call('MGET', unpack(running)) or {}, {}
  for at, key in ipairs(running) do
    if holders[at] == job.id then held[#held + 1] = key end
  end
  if #held > 0 then redis.call('DEL', unpack(held)) end
  redis.call('HDEL', job.key, 'token')
end

-- Returns the list of a record's values without the log of its failure.
local function values_of_spec(shared) return (string.gsub(shared or '', ' ?log_tail=%S+', '')) end

-- Records the last success in the function of a job. A function that was removed meanwhile stays removed.
local function remember_function(job, body, base_images)
  local name = get(job, 'function')
  local func = name and keys.functionRecord(get(job, 'tenant'), name)
  if not func or redis.call('EXISTS', func) == 0 then return end
  local f = redis.call('HMGET', job.key, 'tenant', 'spec', 'shared')
  set_function(f[1], name, 'built_job', job.id, 'built_at', whole(now), 'built_result', body, 'built_spec', f[2], 'built_shared', values_of_spec(f[3]))
  if base_images then set_function(f[1], name, 'built_base_images', base_images) end
end

-- Adds a value to the list of a record, which holds it from then on.
local function list_shared(job, entry)
  local f = redis.call('HMGET', job.key, 'tenant', 'shared')
  redis.call('HSET', job.key, 'shared', f[2] and f[2] .. ' ' .. entry or entry)
  hold_shared(f[1], entry)
end

-- Ends the jobs that share the build of this job in the same way. If this job was canceled, the first of them is built for the others.
local function settle_sharers(job, to)
  local set = keys.sharers(job.id)
  local sharers = redis.call('SMEMBERS', set)
  if #sharers == 0 then return end
  redis.call('DEL', set)
  table.sort(sharers)
  if to ~= 'canceled' then
    local field, body, base_images = 'error'
    if to == 'succeeded' then
      -- The result that this job has just recorded for jobs that reuse its image.
      local built = redis.call('HMGET', keys.built(get(job, 'flight')), 'result', 'base_images')
      field, body, base_images = 'result', built[1], built[2]
    else
      body = get(job, 'error')
    end
    local log_tail = field == 'error' and string.match(get(job, 'shared') or '', 'log_tail=%S+')
    for _, sharer in ipairs(sharers) do
      local other = job_of(sharer)
      redis.call('HSET', other.key, field, body)
      grow(other.key, get(other, 'tenant'), #body)
      if log_tail then list_shared(other, log_tail) end
      if field == 'result' then remember_function(other, body, base_images) end
      settle(other, 'queued', to)
    end
    return
  end
  local first = job_of(table.remove(sharers, 1))
  for _, sharer in ipairs(sharers) do
    redis.call('HSET', job_of(sharer).key, 'shares', first.id)
    redis.call('SADD', keys.sharers(first.id), sharer)
  end
  -- A newer job with another build key stays the job in flight.
  if redis.call('EXISTS', in_flight_key(first)) == 0 then
    redis.call('HSET', in_flight_key(first), 'job', first.id, 'key', get(first, 'build_key'))
  end
  local batch = batch_of(first)
  if not batch then return release(first) end
  redis.call('HSET', first.key, 'parked', 'batch')
  redis.call('ZADD', batch.parked, 0, first.id)
  release_next_of(batch)
end

-- Keeps the time of the first request.
local function request_cancel(job)
  redis.call('HSET', job.key, 'cancel_requested', 1)
  redis.call('HSETNX', job.key, 'cancel_requested_at', whole(now))
end

-- Cancels the parts of a job that has ended: nothing needs them any more.
local function cancel_parts(job)
  if not get(job, 'parts_left') then return end
  for _, field in ipairs(redis.call('HKEYS', job.key)) do
    local part = string.match(field, '^part:(.+)$')
    local other = part and job_of(part)
    local state = other and get(other, 'state')
    if state == 'queued' then
      cancel_queued(other, 'canceled', 'The job that it is a part of has ended.')
    elseif state == 'running' then
      request_cancel(other)
      redis.call('PUBLISH', keys.cancellations, part)
    end
  end
end

part_ended = function(job, to)
  local parent = get(job, 'part_of')
  if not parent then return end
  parent = job_of(parent)
  if get(parent, 'parked') ~= 'parts' then return end
  if to ~= 'succeeded' then
    local f = redis.call('HMGET', job.key, 'error', 'shared')
    redis.call('HSET', parent.key, 'error', f[1])
    grow(parent.key, get(parent, 'tenant'), #f[1])
    local log_tail = string.match(f[2] or '', 'log_tail=%S+')
    if log_tail then list_shared(parent, log_tail) end
    return settle(parent, 'queued', to)
  end
  if redis.call('HINCRBY', parent.key, 'parts_left', -1) > 0 then return end
  redis.call('HSET', parent.key, 'queued_at', whole(now))
  release(parent)
end

settle = function(job, from, to)
  leave_running(job)
  local batch, parked = batch_of(job), get(job, 'parked')
  if parked == 'shared' then redis.call('SREM', keys.sharers(get(job, 'shares')), job.id) end
  if batch and parked then redis.call('ZREM', batch.parked, job.id) end
  local tenant = get(job, 'tenant')
  if parked == 'tenant' then redis.call('ZREM', keys.tenantParked(tenant), job.id) end
  if parked == 'registry' then
    for _, registry in ipairs(registries_of(job)) do redis.call('ZREM', keys.registryParked(registry.host), job.id) end
  end
  redis.call('HSET', job.key, 'finished_at', whole(now))
  redis.call('HDEL', job.key, 'retry_at', 'parked', 'shares')
  if from == 'queued' and not parked then withdraw(job) else forget_undispatched(job) end
  redis.call('PEXPIRE', keys.log(job.id), 300000)
  local log_bytes = get(job, 'log_bytes')
  if log_bytes then
    redis.call('HDEL', job.key, 'log_bytes')
    redis.call('HINCRBY', job.key, 'stored', '-' .. log_bytes)
    uncharge_later(tenant, tonumber(log_bytes), 300000)
  end
  local in_flight = in_flight_key(job)
  if redis.call('HGET', in_flight, 'job') == job.id then redis.call('DEL', in_flight) end
  if batch and to == 'failed' then
    local f = redis.call('HMGET', batch.key, 'on_failure', 'committed', 'stopped')
    if f[1] == 'stop' and f[2] and not f[3] then stop_batch(batch, 'job_failed') end
  end
  change(job, from, to, 'job.' .. to)
  if batch and (not parked or parked == 'parts' or parked == 'tenant' or parked == 'registry') then redis.call('HINCRBY', batch.key, 'outstanding', -1) end
  settle_sharers(job, to)
  if to ~= 'succeeded' then cancel_parts(job) end
  part_ended(job, to)
  if batch then release_next_of(batch) end
  release_next_of_tenant(tenant)
end

settle_with = function(job, from, to, code, detail)
  -- An empty table would be encoded as an object.
  local text = cjson.encode({ code = code, detail = detail })
  redis.call('HSET', job.key, 'error', string.sub(text, 1, -2) .. ',"log_tail":[]}')
  settle(job, from, to)
  return { 'terminal', to }
end

cancel_queued = function(job, code, detail)
  return settle_with(job, 'queued', 'canceled', code, detail)
end

-- Returns the code and the detail for a job whose batch was stopped, else nil.
local function batch_end_of(job)
  local batch = batch_of(job)
  local stopped = batch and redis.call('HGET', batch.key, 'stopped')
  if not stopped then return nil end
  if stopped == 'job_failed' then return 'batch_stopped', 'Another job of the batch failed.' end
  return 'canceled', 'Its batch was canceled.'
end

-- Bytes that an attempt adds to a record besides its end.
local attempt_bytes = 250

local function close_attempt(job, outcome, detail, steps, cached)
  local text = cjson.encode({ at = now, outcome = outcome, detail = detail, steps = steps, cached = cached })
  redis.call('HSET', job.key, 'end:' .. get(job, 'attempt'), text)
  grow(job.key, get(job, 'tenant'), #text + attempt_bytes)
end

local function back_to_queue(job, from, delay)
  leave_running(job)
  redis.call('HSET', job.key, 'queued_at', whole(now + delay))
  if delay > 0 then redis.call('HSET', job.key, 'retry_at', whole(now + delay)) end
  change(job, from, 'queued', 'job.requeued')
  release_next_of_tenant(get(job, 'tenant'))
end

--- @include "jobs/include/create"

-- The end of an attempt and of a job.

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
end

-- Ends a job in the state `to`, and lets the jobs go on that wait for it.
end_job = function(job, from, to)
  leave_running(job)
  local parked, shares, log_bytes, log_error = unpack(redis.call('HMGET', job.key, 'parked', 'shares', 'log_bytes', 'log_error:' .. places_of(job).attempt))
  local batch = batch_of(job)
  if parked == waits_for.identical_job then redis.call('SREM', keys.identicalJobs(shares), job.id) end
  if batch and parked then redis.call('ZREM', batch.parked_jobs, job.id) end
  local tenant = get(job, 'tenant')
  if parked == waits_for.tenant then redis.call('ZREM', keys.tenantParked(tenant), job.id) end
  if parked == waits_for.registry then
    for _, registry in ipairs(registries_of(job)) do redis.call('ZREM', keys.registryParked(registry.host), job.id) end
  end
  redis.call('HSET', job.key, 'finished_at', whole(now))
  redis.call('HDEL', job.key, 'token', 'retry_at', 'parked', 'shares', 'build:' .. places_of(job).attempt)
  if from == 'queued' and not parked then withdraw(job) else forget_undispatched(job) end
  -- A log that is not stored yet is only here: lua/logs/unsaved.lua.
  local kept = log_error and 86400000 or 300000
  redis.call('PEXPIRE', keys.log(job.id), kept)
  if log_bytes then
    redis.call('HDEL', job.key, 'log_bytes')
    redis.call('HINCRBY', job.key, 'stored', '-' .. log_bytes)
    uncharge_later(tenant, tonumber(log_bytes), kept)
  end
  local in_progress = build_in_progress_key(job)
  if redis.call('HGET', in_progress, 'job') == job.id then redis.call('DEL', in_progress) end
  if batch and to == 'failed' then
    local f = redis.call('HMGET', batch.key, 'on_failure', 'committed', 'stopped')
    if f[1] == 'stop' and f[2] and not f[3] then stop_batch(batch, 'job_failed') end
  end
  change(job, from, to, 'job.' .. to)
  if batch and to == 'failed' then pause_failing_campaign(batch) end
  -- The batch had released the job.
  if batch and parked ~= waits_for.batch and parked ~= waits_for.identical_job then redis.call('HINCRBY', batch.key, 'outstanding', -1) end
  end_identical_jobs(job, to)
  if to ~= 'succeeded' then cancel_parts(job) end
  part_ended(job, to)
  if batch then release_next_of_batch(batch) end
  release_next_of_tenant(tenant)
end

end_job_with_error = function(job, from, to, code, detail)
  -- An empty table would be encoded as an object.
  local text = cjson.encode({ code = code, detail = detail })
  redis.call('HSET', job.key, 'error', string.sub(text, 1, -2) .. ',"log_tail":[]}')
  end_job(job, from, to)
  return { 'terminal', to }
end

cancel_queued = function(job, code, detail)
  return end_job_with_error(job, 'queued', 'canceled', code, detail)
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
  redis.call('HSET', job.key, 'end:' .. places_of(job).attempt, text)
  grow(job.key, get(job, 'tenant'), #text + attempt_bytes)
end

-- Bytes of a log in a record besides its text.
local log_entry_bytes = 50

-- Returns whether the tenant has room for the small log of an attempt.
local function has_room_for_log(job, log) return not log or has_room(get(job, 'tenant'), #log + log_entry_bytes, 1.25) end

-- Stores the small log of an attempt in the record.
local function keep_log(job, log)
  if not log then return end
  redis.call('HSET', job.key, 'log:' .. places_of(job).attempt, log)
  grow(job.key, get(job, 'tenant'), #log + log_entry_bytes)
end

local function back_to_queue(job, from, delay)
  leave_running(job)
  redis.call('HDEL', job.key, 'token', 'build:' .. places_of(job).attempt)
  redis.call('HSET', job.key, 'queued_at', whole(now + delay))
  if delay > 0 then redis.call('HSET', job.key, 'retry_at', whole(now + delay)) end
  change(job, from, 'queued', 'job.requeued')
  release_next_of_tenant(get(job, 'tenant'))
end

-- A job that needs several pools has a `plan`. Instead of going to the queue, it creates a job for each pool from the plan. The plan is a list (see `strings_of`) with one
-- list for each part: id, pool, spec, build key, expected, pushes_to, shared values, indexes … When all parts have succeeded, the job itself goes to the queue, to
-- join their images. When a part fails or is canceled, the job ends the same way, and its other parts are canceled.

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
begin_parts = function(job)
  local f = redis.call('HMGET', job.key, 'tenant', 'weight', 'band', 'manner', 'trace', 'plan')
  if not f[6] then
    return end_job_with_error(job, 'queued', 'failed', 'internal', 'An older version of Slipway accepted the job without a plan of its parts. Submit it again.')
  end
  local parts = strings_of(f[6])
  park(job, waits_for.parts)
  redis.call('HSET', job.key, 'parts_left', #parts)
  for _, part in ipairs(parts) do
    local p = strings_of(part)
    create_job(job_of(p[1]), { spec = p[3], shared = p[7], tenant = f[1], weight = tonumber(f[2]), class = tonumber(f[3]),
      expected = p[5], references = words_of(p[6]), build_key = p[4], reuse = f[4],
      pool = p[2], indexes = { unpack(p, 8) }, stored = #part + part_bytes, part_of = job.id, trace = f[5] or nil })
  end
end

-- Requests the end of a job, and keeps the time of the first request. A running job gets it from its worker. Its build may have no worker, so any worker stops the
-- build at its replica if it has not ended within a second (claim-canceled.lua). A key of a wrong type costs only that.
local function request_cancel(job)
  redis.call('HSET', job.key, 'cancel_requested', 1)
  redis.call('HSETNX', job.key, 'cancel_requested_at', whole(now))
  if get(job, 'state') ~= 'running' then return end
  if places_of(job).build then redis.pcall('ZADD', keys.canceledBuilds, 'NX', now + 1000, job.id) end
  redis.call('PUBLISH', keys.cancellations, job.id)
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
    end
  end
end

part_ended = function(job, to)
  local parent = get(job, 'part_of')
  if not parent then return end
  parent = job_of(parent)
  if parked_for(parent) ~= waits_for.parts then return end
  if to ~= 'succeeded' then
    local f = redis.call('HMGET', job.key, 'error', 'shared')
    redis.call('HSET', parent.key, 'error', f[1])
    grow(parent.key, get(parent, 'tenant'), #f[1])
    local log_tail = string.match(f[2] or '', 'log_tail=%S+')
    if log_tail then list_shared(parent, log_tail) end
    return end_job(parent, 'queued', to)
  end
  if redis.call('HINCRBY', parent.key, 'parts_left', -1) > 0 then return end
  -- Joining needs no slot, so the job is first in the queue: its pool may have no replica, and then jobs that wait for one are before it.
  redis.call('HSET', parent.key, 'queued_at', whole(now), 'priority', 1)
  release(parent)
end

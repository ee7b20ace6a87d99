--- @include "jobs/include/job"
-- The worker and replica of a running job. `keys.aboard(place)` of a worker or a replica is a sorted set of the jobs that run there: score 1 for a suspect, else 0.
-- A job that only joins images has no replica.

-- Returns the places of the last attempt, and its number. A script that changes them sets `job.places` to nil.
local function places_of(job)
  if not job.places then
    local number = get(job, 'attempt')
    local f = redis.call('HMGET', job.key, 'worker', 'replica:' .. number)
    job.places = { attempt = number, worker = f[1] or '', replica = f[2] or '' }
  end
  return job.places
end

local function board(job, place, lost)
  if place == '' then return end
  redis.call('ZADD', keys.aboard(place), lost > 0 and 1 or 0, job.id)
  redis.call('PEXPIRE', keys.aboard(place), 172800000)
end

local function leave(job, place)
  if place ~= '' then redis.call('ZREM', keys.aboard(place), job.id) end
end

-- Returns the ms for which the worker of a running job still holds its slot. That worker is alive, or died so recently that its build may still run.
local function slot_ms_left(job)
  local replica = places_of(job).replica
  local ends = replica ~= '' and redis.call('ZSCORE', keys.slots(replica), job.id .. ':' .. get(job, 'token'))
  return ends and math.max(0, math.ceil(tonumber(ends) - now)) or 0
end

--- @include "jobs/include/job"
-- The worker and replica of a running job. `keys.aboard(place)` of a worker or a replica is a sorted set of the jobs that run there: score 1 for a suspect, else 0.
-- A job whose build is continued there has the score -n after n deaths.
-- A job that only joins images has no replica.

-- Returns the places of the last attempt, its number, and the id of its build if another worker can attach to it. A script that changes them sets `job.places` to nil.
local function places_of(job)
  if not job.places then
    local number = get(job, 'attempt')
    local f = redis.call('HMGET', job.key, 'worker', 'replica:' .. number, 'build:' .. number)
    job.places = { attempt = number, worker = f[1] or '', replica = f[2] or '', build = f[3] or nil }
  end
  return job.places
end

-- Returns whether the replica reported that it keeps a build whose caller is gone.
local function keeps_builds(replica)
  local f = redis.pcall('HMGET', keys.replica(replica), 'features', 'engine_until')
  return f[1] and tonumber(f[2] or '0') > now and string.find(f[1], ',attachable-builds,', 1, true) ~= nil
end

-- The slot of an attempt belongs to its build, whose id begins the token of each holder. In tokens of versions before there is no dot.
local function slot_of(job, token) return job.id .. ':' .. string.match(token, '^[^.]*') end

-- Keeps the slot of a build, so that it outlives the time without a holder. A key of a wrong type costs only that.
local function keep_slot(replica, slot, ms)
  for _, key in ipairs({ keys.slots(replica), keys.suspectSlots(replica) }) do
    redis.pcall('ZADD', key, 'XX', now + ms, slot)
    if redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, ms) end
  end
end

-- Records the build of an attempt, if its replica keeps it, so that another worker can attach to it.
local function set_build(job, number, replica, build, slot_ms)
  if not build or not keeps_builds(replica) then return end
  redis.call('HSET', job.key, 'build:' .. number, build)
  keep_slot(replica, job.id .. ':' .. build, slot_ms)
end

local function board(job, place, lost, deaths_met)
  if place == '' then return end
  redis.call('ZADD', keys.aboard(place), lost > 0 and 1 or -(deaths_met or 0), job.id)
  redis.call('PEXPIRE', keys.aboard(place), 172800000)
end

local function leave(job, place)
  if place ~= '' then redis.call('ZREM', keys.aboard(place), job.id) end
end

-- Returns the ms for which the worker of a running job still holds its slot. That worker is alive, or died so recently that its build may still run.
local function slot_ms_left(job)
  local replica, token = places_of(job).replica, get(job, 'token')
  local ends = token and replica ~= '' and redis.call('ZSCORE', keys.slots(replica), slot_of(job, token))
  return ends and math.max(0, math.ceil(tonumber(ends) - now)) or 0
end

-- Decides whether the death of a worker or builder counts against a job that ran there.
--
-- A *suspect* is a job with a death that is not explained (`lost` > 0). At most one suspect runs on a worker, and one on a replica.
--
-- - The death counts as `lost` unless it has another known cause.
-- - The death of a worker does not count against a suspect when another job of the worker may be the cause: a second suspect, or a job whose build was continued
--   there (attach.lua) after at least as many deaths.
-- - A job can be *blamed* (`blamed`) when it ran there alone, or was the only suspect there. A worker or replica that dies with several other jobs blames none of
--   them; each becomes a suspect.
-- - The job is not the cause when the replica reported that it drains, an operator drains it, or discovery no longer names it.
-- - The job is not the cause either when another worker (or replica) died in the last ten minutes with no suspect on it: machines die without this job. Each of
--   those deaths excuses a job once.
-- - A job is quarantined when it was blamed and its deaths reach the limit. Excused deaths count after three times the limit, so that no job can kill workers without
--   end.
--
-- Each job finds the death of its worker or replica separately. The first job records how many jobs and suspects ran there, and the others read that record.

-- Milliseconds for which a death excuses other jobs.
local death_excuses_ms = 600000
-- Milliseconds for which all jobs of the dead worker or replica read the same record. A worker has a new name at each start; a replica keeps its address.
local death_known_ms = { worker = 600000, replica = 2000 }

-- Discovery names each replica every five seconds.
local function goes_away(replica)
  local f = redis.call('HMGET', keys.replica(replica), 'draining', 'readiness', 'readiness_until', 'leaving')
  local named = redis.call('ZSCORE', keys.replicas, replica)
  return f[1] or f[4] or (f[2] == 'draining' and tonumber(f[3] or '0') > now) or (named and tonumber(named) < now - 15000)
end

-- Returns how many jobs and suspects ran there when it died, and the most deaths that another job there had met.
local function note_death(kind, place)
  local key, aboard = keys.death(place), keys.aboard(place)
  local known = redis.call('HMGET', key, 'jobs', 'suspects', 'most_met')
  if known[1] then return tonumber(known[1]), tonumber(known[2]), tonumber(known[3] or '0') end
  local jobs, suspects = redis.call('ZCARD', aboard), redis.call('ZCOUNT', aboard, 1, 1)
  local most_met = math.max(0, -tonumber(redis.call('ZRANGE', aboard, 0, 0, 'WITHSCORES')[2] or '0'))
  redis.call('HSET', key, 'jobs', jobs, 'suspects', suspects, 'most_met', most_met)
  redis.call('PEXPIRE', key, death_known_ms[kind])
  local deaths = keys.deaths(kind)
  redis.call('ZREMRANGEBYSCORE', deaths, '-inf', now - death_excuses_ms)
  if suspects == 0 then redis.call('ZADD', deaths, now, place) end
  redis.call('PEXPIRE', deaths, death_excuses_ms)
  return jobs, suspects, most_met
end

-- Returns the deaths of places where the job ran, and the deaths that excused it.
local function used_deaths(job)
  local used = {}
  for place in string.gmatch(get(job, 'died_with') or '', '%S+') do used[place] = true end
  return used
end

local function use_death(job, place)
  local used = get(job, 'died_with')
  redis.call('HSET', job.key, 'died_with', used and used .. ' ' .. place or place)
end

-- Records that the job ran there when it died. Returns how many deaths it had met before.
local function meet_death(job, place)
  use_death(job, place)
  return redis.call('HINCRBY', job.key, 'deaths_met', 1) - 1
end

-- Returns another death for which no suspect explains the cause.
local function excuse_of(job, kind)
  local used = used_deaths(job)
  for _, place in ipairs(redis.call('ZRANGEBYSCORE', keys.deaths(kind), now - death_excuses_ms, '+inf')) do
    if not used[place] then return place end
  end
end

-- Counts the death of the worker or replica that the job runs on. Returns a reply when the job ends because of it.
local function count_loss(job, from, kind, max_lost)
  local place = places_of(job)[kind]
  if kind == 'replica' and goes_away(place) then return nil end
  local is_suspect = tonumber(get(job, 'lost')) > 0
  local jobs, suspects, most_met = note_death(kind, place)
  local met_before = meet_death(job, place)
  local deaths = redis.call('HINCRBY', job.key, 'deaths', 1)
  if is_suspect and deaths < 3 * max_lost then
    if suspects > 1 or most_met > 0 and most_met >= met_before then return nil end
    local excuse = excuse_of(job, kind)
    if excuse then
      use_death(job, excuse)
      return nil
    end
  end
  if is_suspect or jobs <= 1 then redis.call('HSET', job.key, 'blamed', 1) end
  if redis.call('HINCRBY', job.key, 'lost', 1) < max_lost or not get(job, 'blamed') then return nil end
  -- The job explains these deaths: they excuse no other.
  for used in pairs(used_deaths(job)) do redis.call('ZREM', keys.deaths(kind), used) end
  return end_job_with_error(job, from, 'failed', 'quarantined', 'Its worker or builder died ' .. deaths .. ' times while it ran.')
end

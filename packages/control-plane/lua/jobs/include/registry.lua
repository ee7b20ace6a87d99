-- The circuits of registries, by host. A registry is a hash: `failures` (faults in a row), `repository` (of the first of them), `several` (whether another repository
-- had one), `open_until` and `opens` (the circuit), `probe` (the job that tests whether the registry answers) and `probe_until`. It expires after an hour
-- without a change.
--
-- Three faults in a row of at least two repositories open the circuit: one broken repository does not delay others. The circuit stays open for two seconds, doubled
-- with each failed probe, up to 15 s. Meanwhile jobs that push to the registry are parked, in the order of the queue. When the time is up, one job is released as the
-- probe. Another follows if the probe has not ended after 30 s. A push that succeeds, or that the registry refuses for good, closes the circuit.

local function probe_runs(probe, until_ms)
  return probe and tonumber(until_ms or '0') > now and get(job_of(probe), 'state') == 'running'
end

local function park_for_registry(job, host)
  verify(job)
  park(job, waits_for.registry)
  forget_undispatched(job)
  redis.call('ZADD', keys.registryParked(host), get(job, 'priority'), job.id)
  redis.call('ZADD', keys.registries, 'NX', now, host)
end

-- Parks the job when one of its registries does not answer, and returns whether it did. A job that starts while a circuit is open becomes the probe.
local function wait_for_registry(job, starts)
  local probes = {}
  for _, registry in ipairs(registries_of(job)) do
    local key = keys.registry(registry.host)
    local f = redis.call('HMGET', key, 'open_until', 'probe', 'probe_until')
    if f[1] and (now < tonumber(f[1]) or probe_runs(f[2], f[3])) then
      park_for_registry(job, registry.host)
      return true
    end
    if f[1] then probes[#probes + 1] = key end
  end
  for _, key in ipairs(starts and probes or {}) do redis.call('HSET', key, 'probe', job.id, 'probe_until', whole(now + 30000)) end
  return false
end

-- Releases the first jobs that wait for a registry. Returns their number.
local function release_next_of_registry(host, most)
  if most < 1 then return 0 end
  local next = redis.call('ZPOPMIN', keys.registryParked(host), most)
  for at = 1, #next, 2 do release(job_of(next[at])) end
  return #next / 2
end

-- Limit of jobs that are released when a circuit closes. The reconciler releases the others.
local first_released = 100

local function note_answer(host)
  if redis.call('DEL', keys.registry(host)) == 1 then release_next_of_registry(host, first_released) end
end

local function note_fault(host, repository)
  local key = keys.registry(host)
  local f = redis.call('HMGET', key, 'open_until', 'opens', 'repository', 'several')
  local open_until, opens = tonumber(f[1] or '0'), tonumber(f[2] or '0')
  -- Builds that began before the circuit opened give no new information.
  if open_until > now then return end
  local failures = redis.call('HINCRBY', key, 'failures', 1)
  redis.call('PEXPIRE', key, 3600000)
  local several = f[4] or (f[3] and f[3] ~= repository)
  redis.call('HSETNX', key, 'repository', repository)
  if several then redis.call('HSET', key, 'several', 1) end
  if open_until == 0 and not (several and failures >= 3) then return end
  redis.call('HSET', key, 'open_until', whole(now + math.min(15000, 2000 * 2 ^ math.min(opens, 10))), 'opens', opens + 1)
  redis.call('HDEL', key, 'probe', 'probe_until')
  redis.call('ZADD', keys.registries, 'NX', now, host)
end

-- Records the outcome of an attempt for the registries of the job: `answered`, `fault` or nil. With a host, only for that one.
local function note_registry(job, outcome, host)
  for _, registry in ipairs(outcome and registries_of(job) or {}) do
    if not host or host == registry.host then
      if outcome == 'answered' then note_answer(registry.host) else note_fault(registry.host, registry.repository) end
    end
  end
end

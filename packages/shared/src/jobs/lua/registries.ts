/** A circuit without any change for so long is forgotten, in milliseconds. */
const forgottenMs = 3_600_000;

/**
 * The circuits of registries, by host. A registry is a hash: `failures` (faults in a row), `repository` (of the first of them), `several`
 * (whether another repository met one), `open_until` and `opens` (the circuit), `probe` (the job that finds out whether the registry answers) and `probe_until`.
 *
 * Three faults in a row open the circuit, if they are of two repositories at least: a single repository that is broken holds up no other.
 * It is open for two seconds, doubled with each probe that fails, up to 15 s. Meanwhile jobs that push to the registry are parked, in the order of the
 * queue. When the time is up one job is released as the probe; another follows if it has not ended after 30 s. A push that succeeds, or that the registry refuses for good, closes the circuit.
 */
export const registryCircuits = `
local registries = base .. 'registries'
local function circuit_key(host) return base .. 'registry:' .. host end
local function registry_parked(host) return base .. 'registry:parked:' .. host end

local function host_of(reference)
  local host = string.match(reference, '^([^/]+)/')
  if not host or not (string.find(host, '[.:%u]') or host == 'localhost') then return 'docker.io' end
  host = string.lower(host)
  return (host == 'index.docker.io' or host == 'registry-1.docker.io') and 'docker.io' or host
end

-- The registries that the job pushes to: the host of each, and the first repository there.
local function registries_of(job)
  local list, seen = {}, {}
  for _, reference in ipairs(references_of(job)) do
    local host = host_of(reference)
    if not seen[host] then list[#list + 1] = { host = host, repository = (string.gsub(reference, ':[^:/]*$', '')) } end
    seen[host] = true
  end
  return list
end

local function probe_runs(probe, until_ms)
  return probe and tonumber(until_ms or '0') > now and get(job_of(probe), 'state') == 'running'
end

local function park_for_registry(job, host)
  -- A look at a job writes nothing before this.
  verify(job)
  redis.call('HSET', job.key, 'parked', 'registry')
  redis.call('ZREM', undispatched, job.id)
  redis.call('ZADD', registry_parked(host), get(job, 'priority'), job.id)
  redis.call('ZADD', registries, 'NX', now, host)
end

-- Whether the job has to wait until a registry answers that it pushes to; it is released then. A job that starts while a circuit is open is the probe.
local function wait_for_registry(job, starts)
  local probes = {}
  for _, registry in ipairs(registries_of(job)) do
    local key = circuit_key(registry.host)
    local f = redis.call('HMGET', key, 'open_until', 'probe', 'probe_until')
    if f[1] and (now < tonumber(f[1]) or probe_runs(f[2], f[3])) then
      park_for_registry(job, registry.host)
      return true
    end
    if f[1] then probes[#probes + 1] = key end
  end
  for _, key in ipairs(starts and probes or {}) do redis.call('HSET', key, 'probe', job.id, 'probe_until', clock(now + 30000)) end
  return false
end

-- Lets the first jobs that wait for a registry go on; returns how many.
local function release_of_registry(host, most)
  if most < 1 then return 0 end
  local next = redis.call('ZPOPMIN', registry_parked(host), most)
  for at = 1, #next, 2 do release(job_of(next[at])) end
  return #next / 2
end

-- How many jobs are released in the step that closes a circuit. The reconciler releases the others.
local first_released = 100

local function note_answer(host)
  if redis.call('DEL', circuit_key(host)) == 1 then release_of_registry(host, first_released) end
end

local function note_fault(host, repository)
  local key = circuit_key(host)
  local f = redis.call('HMGET', key, 'open_until', 'opens', 'repository', 'several')
  local open_until, opens = tonumber(f[1] or '0'), tonumber(f[2] or '0')
  -- Builds that began before the circuit opened say nothing new.
  if open_until > now then return end
  local failures = redis.call('HINCRBY', key, 'failures', 1)
  redis.call('PEXPIRE', key, ${forgottenMs})
  local several = f[4] or (f[3] and f[3] ~= repository)
  redis.call('HSETNX', key, 'repository', repository)
  if several then redis.call('HSET', key, 'several', 1) end
  if open_until == 0 and not (several and failures >= 3) then return end
  redis.call('HSET', key, 'open_until', clock(now + math.min(15000, 2000 * 2 ^ math.min(opens, 10))), 'opens', opens + 1)
  redis.call('HDEL', key, 'probe', 'probe_until')
  redis.call('ZADD', registries, 'NX', now, host)
end

-- Notes what an attempt says about registries of the job: 'answered' or 'fault', and the host unless all are meant; or ''.
local function note_registry(job, sign)
  local outcome, host = string.match(sign, '^(%S+) ?(%S*)$')
  for _, registry in ipairs(outcome and registries_of(job) or {}) do
    if host == '' or host == registry.host then
      if outcome == 'answered' then note_answer(registry.host) else note_fault(registry.host, registry.repository) end
    end
  end
end
`;

/** registries:wake: lets jobs that wait for a registry go on where it answers, and one as a probe where it is time to ask. 4 how many at most. */
export const wakeRegistries = `
if op == 'registries:wake' then
  local left = tonumber(ARGV[4])
  for _, host in ipairs(redis.call('ZRANGE', registries, 0, -1)) do
    local f = redis.call('HMGET', circuit_key(host), 'open_until', 'probe', 'probe_until')
    if not f[1] then
      left = left - release_of_registry(host, left)
      if redis.call('ZCARD', registry_parked(host)) == 0 then redis.call('ZREM', registries, host) end
    elseif now >= tonumber(f[1]) and not probe_runs(f[2], f[3]) then
      release_of_registry(host, 1)
    end
  end
  return { 'ok' }
end
`;

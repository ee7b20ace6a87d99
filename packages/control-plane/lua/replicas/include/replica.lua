--- @include "include/time"
-- A replica and its slots. Times are milliseconds by Redis' clock.
--
-- A replica is a hash: `configured` (0 when the configuration names no limit), `learned` (the learned limit), `proven` (the most builds that it took at once),
-- `busy_streak` (refusals in a row), `hold_until` and `hold` (no increase before), `failures` (faults in a row), `open_until` and `opens` (its circuit), `draining`,
-- `health`, `engine` and `features` (as reported) and `engine_until` (expiry of both; features are a list with a comma around each, and absent while unknown),
-- `readiness` (ready, full, broken or draining), `readiness_reason` and `readiness_until`, `kind` (how workers find it: url, dns or k8s), `name` and `node` of its pod,
-- `starting` (1 for a pod that is not ready), `leaving` (Kubernetes ends the pod), `instances` (the processes that answered at its address, the newest first).
-- Its leases are a sorted set, lease → expiry. A second set holds the leases of suspects. All three expire when nothing renews them.

local function live(key)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  return redis.call('ZCARD', key)
end

-- Keeps a set of leases for at least as long as its leases.
local function keep_leases(key, ms)
  if redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, ms) end
end

local function limit_of(fields)
  local configured = tonumber(fields[1] or '0')
  local learned = math.floor(tonumber(fields[2] or '0'))
  if learned < 1 then learned = configured > 0 and configured or 4 end
  if configured > 0 and learned > configured then return configured end
  return learned
end

-- Returns whether a replica of this readiness takes builds. `full` does not matter here: the ledger counts the slots itself.
local function takes_builds(readiness, readiness_until)
  return tonumber(readiness_until or '0') <= now or (readiness ~= 'broken' and readiness ~= 'draining')
end

-- Returns whether a replica answers, as far as is known. A pod that is not ready has to answer a health check first.
local function answers(health, starting)
  return health ~= 'down' and (starting ~= '1' or health == 'up')
end

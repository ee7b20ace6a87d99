--- @include "include/time"
-- Takes base images whose check is due. The check is due again after the lease, if the caller records no end of it.
-- Arguments: the limit, the lease in ms. Returns the due time by which the caller holds them, then reference, state, … with an empty state for one without a check.
local until_ms = whole(now + args.lease_ms)
local taken = { until_ms }
for _, reference in ipairs(redis.call('ZRANGEBYSCORE', keys.basesDue, '-inf', whole(now), 'LIMIT', 0, args.limit)) do
  redis.call('ZADD', keys.basesDue, until_ms, reference)
  taken[#taken + 1] = reference
  taken[#taken + 1] = redis.call('HGET', keys.basesWatched, reference) or ''
end
return taken

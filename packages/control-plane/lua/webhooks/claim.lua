--- @include "include/time"
-- Claims due deliveries for a worker that begins them at once. A delivery that the worker does not begin is due again after a time.
-- Arguments: limit of deliveries, that time in ms. Returns their ids, and the ms until the next delivery is due (-1 if none waits).
local ids = redis.call('ZRANGEBYSCORE', keys.dueDeliveries, '-inf', now, 'LIMIT', 0, args.limit)
for _, id in ipairs(ids) do redis.call('ZADD', keys.dueDeliveries, now + args.claim_ms, id) end
local next = tonumber(redis.call('ZRANGE', keys.dueDeliveries, 0, 0, 'WITHSCORES')[2])
return { ids, next and math.max(0, next - now) or -1 }

--- @include "include/time"
-- Counts removals against the budget of the current hour of Redis' time.
-- Arguments: what is removed, records that there are, removals since the last call.
-- Returns {removals in this hour, records that there were at its beginning}.
local key = keys.removals(args.of)
local hour = math.floor(time[1] / 3600)
local f = redis.call('HMGET', key, 'hour', 'total')
if f[1] ~= tostring(hour) then
  redis.call('DEL', key)
  redis.call('HSET', key, 'hour', hour, 'total', args.total)
  redis.call('EXPIRE', key, 7200)
end
return { redis.call('HINCRBY', key, 'removed', args.removed), tonumber(redis.call('HGET', key, 'total')) }

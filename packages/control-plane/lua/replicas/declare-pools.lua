--- @include "include/time"
-- Declares pools. Removes a pool without jobs once no worker has declared it for a while.
-- Arguments: pools, four texts each: name, platforms separated by spaces, slots of a replica or '', ms in which its queue is to drain or ''; ms after which a pool
-- that no worker declares is removed.
-- Returns the names of the pools that had other platforms before.
local changed = {}
for i = 1, #args.pools, 4 do
  local name, platforms, slots, drain_ms = unpack(args.pools, i, i + 3)
  local key = keys.pool(name)
  local before = redis.call('HGET', key, 'platforms')
  if before and before ~= platforms then changed[#changed + 1] = name end
  redis.call('HSET', key, 'platforms', platforms, 'slots', slots, 'drain_ms', drain_ms)
  redis.call('ZADD', keys.pools, now, name)
end
for _, name in ipairs(redis.call('ZRANGEBYSCORE', keys.pools, '-inf', whole(now - args.forgotten_ms))) do
  local index = 'pool:' .. name .. ':'
  if redis.call('EXISTS', keys.index(index .. 'queued'), keys.index(index .. 'running')) == 0 then
    redis.call('ZREM', keys.pools, name)
    redis.call('DEL', keys.pool(name))
  end
end
return changed

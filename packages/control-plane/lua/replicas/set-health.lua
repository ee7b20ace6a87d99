--- @include "replicas/include/process"
--- @include "replicas/include/offers"
-- Records the outcome of a health check. A replica that is down may return with another engine, so its engine is removed.
-- Arguments: address, up or down.
local key = keys.replica(args.url)
redis.call('HSET', key, 'health', args.health)
if args.health == 'down' then
  redis.call('HDEL', key, 'engine', 'engine_until', 'features', 'readiness', 'readiness_reason', 'readiness_until')
end
expire_unless_announced(key)
offer(args.url)

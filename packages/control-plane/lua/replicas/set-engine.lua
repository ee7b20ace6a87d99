--- @include "replicas/include/process"
--- @include "replicas/include/offers"
-- Records the engine and features that a replica reported.
-- Arguments: address, engine, ms for which both are valid, features with a comma around each (absent while unknown), the process that answered (absent while unknown).
local key = keys.replica(args.url)
if args.instance and is_new_process(key, args.instance) then forget_process(key, args.url) end
redis.call('HSET', key, 'engine', args.engine, 'engine_until', now + args.counts_ms)
if args.features then redis.call('HSET', key, 'features', args.features) else redis.call('HDEL', key, 'features') end
expire_unless_announced(key)
offer(args.url)

--- @include "include/time"
-- Records the engine and features that a replica reported.
-- Arguments: address, engine, ms for which both are valid, features with a comma around each (absent while unknown).
local key = keys.replica(args.url)
redis.call('HSET', key, 'engine', args.engine, 'engine_until', now + args.counts_ms)
if args.features then redis.call('HSET', key, 'features', args.features) else redis.call('HDEL', key, 'features') end

--- @include "replicas/include/offers"
-- Starts or ends the draining of a replica.
-- Arguments: address, whether it drains.
if args.draining then redis.call('HSET', keys.replica(args.url), 'draining', 1) else redis.call('HDEL', keys.replica(args.url), 'draining') end
offer(args.url)

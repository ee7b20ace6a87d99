--- @include "replicas/include/offers"
-- Renews the lease of a build that goes on at its replica. The build takes its slot also when the lease has expired, because no worker held it for too long.
-- Arguments: lease, address, ms that it lives. Returns the builds on the replica now.
redis.call('ZADD', keys.slots(args.url), now + args.ttl_ms, args.lease)
redis.call('ZADD', keys.suspectSlots(args.url), 'XX', now + args.ttl_ms, args.lease)
keep_leases(keys.slots(args.url), args.ttl_ms)
keep_leases(keys.suspectSlots(args.url), args.ttl_ms)
offer(args.url)
return live(keys.slots(args.url))

--- @include "include/time"
-- Renews a reservation.
-- Arguments: tenant, reservation, ms of the lease.
local key = keys.sourcesReserved(args.tenant)
local mine = redis.call('HGET', key, args.id)
if not mine then return end
local bytes, state = string.match(mine, '^(%d+) %d+ (%a+)$')
redis.call('HSET', key, args.id, bytes .. ' ' .. whole(now + args.lease_ms) .. ' ' .. state)
redis.call('PEXPIRE', key, args.lease_ms * 2)

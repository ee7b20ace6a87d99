--- @include "include/time"
-- Holds a key for a further time, and keeps other ids with it.
-- Arguments: tenant, digest of the key, token of the try, ms from now until which the key is held, seed of ids.
-- Does nothing when another try has taken over.
local key = keys.idempotency(args.tenant, args.key)
if redis.call('HGET', key, 'token') ~= args.token then return end
if args.lease_ms then redis.call('HSET', key, 'until', now + args.lease_ms) end
if args.seed then redis.call('HSET', key, 'seed', args.seed) end

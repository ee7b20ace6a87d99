--- @include "stored/include/account"
-- Stores the answer to a request. Where the tenant has no room for it, the claim is given up.
-- Arguments: tenant, digest of the key, token of the try, answer, bytes of the record with the answer.
-- Does nothing when another try has taken over.
local key = keys.idempotency(args.tenant, args.key)
if redis.call('HGET', key, 'token') ~= args.token then return end
if not has_room(args.tenant, args.bytes, 1.25) then return redis.call('HSET', key, 'until', now) end
redis.call('HSET', key, 'answer', args.answer)
charge_expiring(args.tenant, key, args.bytes, redis.call('PTTL', key))

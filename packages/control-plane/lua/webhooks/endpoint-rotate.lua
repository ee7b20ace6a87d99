--- @include "webhooks/include/endpoint"
-- Replaces the secret of an endpoint. The previous secret stays valid for a time.
-- Arguments: tenant, id, ms since the epoch, sealed secret, expiry of the previous secret. Returns 1, or 0 when the tenant has no such endpoint.
if not is_of(args.tenant, args.id) then return 0 end
local key = keys.webhook(args.id)
redis.call('INCR', keys.webhooksVersion)
redis.call('HSET', key, 'updated_at', args.at, 'previous_sealed_secret', redis.call('HGET', key, 'sealed_secret'), 'sealed_secret', args.sealed_secret,
  'rotating_until', args.previous_until)
return 1

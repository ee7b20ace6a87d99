--- @include "webhooks/include/endpoint"
-- Removes an endpoint, and marks it as stopping while deliveries to it may be pending.
-- Arguments: tenant, id, ms since the epoch. Returns 1, or 0 when the tenant has no such endpoint.
if not is_of(args.tenant, args.id) then return 0 end
redis.call('INCR', keys.webhooksVersion)
redis.call('DEL', keys.webhook(args.id), keys.lane('endpoint:' .. args.id))
redis.call('ZREM', keys.webhooks(args.tenant), args.id)
redis.call('ZREM', keys.allWebhooks, args.id)
redis.call('ZADD', keys.stoppingWebhooks, args.at, args.id)
return 1

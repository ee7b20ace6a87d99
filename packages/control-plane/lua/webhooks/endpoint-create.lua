-- Creates an endpoint.
-- Arguments: tenant, id, ms since the epoch, endpoints that a tenant may have, and fields, each as name and value.
-- Returns 1, or 0 when the tenant has as many endpoints as it may.
if redis.call('ZCARD', keys.webhooks(args.tenant)) >= args.most then return 0 end
redis.call('INCR', keys.webhooksVersion)
redis.call('HSET', keys.webhook(args.id), 'updated_at', args.at, unpack(args.fields))
redis.call('ZADD', keys.webhooks(args.tenant), 0, args.id)
redis.call('ZADD', keys.allWebhooks, 0, args.id)
return 1

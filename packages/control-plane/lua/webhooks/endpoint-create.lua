-- Creates an endpoint.
-- Arguments: tenant, id, ms since the epoch, and fields, each as name and value. Returns 1.
redis.call('INCR', keys.webhooksVersion)
redis.call('HSET', keys.webhook(args.id), 'updated_at', args.at, unpack(args.fields))
redis.call('ZADD', keys.webhooks(args.tenant), 0, args.id)
redis.call('ZADD', keys.allWebhooks, 0, args.id)
return 1

-- Adds a payload secret of a tenant.
-- Arguments: id, record as JSON, tenant, secrets that the installation may have. Returns 1, or 0 when it has that many.
if redis.call('HLEN', keys.payloadSecrets) >= args.most then return 0 end
redis.call('HSET', keys.payloadSecrets, args.id, args.record)
redis.call('PUBLISH', keys.tenantChanges, args.tenant)
return 1

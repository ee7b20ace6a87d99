-- Adds a token by its hash. Replaces a token with the same hash.
-- Arguments: id of a new token, hash, tenant, tokens that the tenant may have (none without a limit), and fields, each as name and value.
-- Returns the id of the token, or false when the tenant has as many tokens as it may.
local before = redis.call('HGET', keys.tokenHashes, args.hash)
local id = before or args.id
if before then
  local owner = redis.call('HGET', keys.token(id), 'tenant')
  if owner then redis.call('ZREM', keys.tokens(owner), id) end
elseif args.most and redis.call('ZCARD', keys.tokens(args.tenant)) >= args.most then
  return false
end
redis.call('HSET', keys.token(id), unpack(args.fields))
redis.call('HSET', keys.tokenHashes, args.hash, id)
redis.call('ZADD', keys.tokens(args.tenant), 0, id)
redis.call('PUBLISH', keys.tenantChanges, args.tenant)
return id

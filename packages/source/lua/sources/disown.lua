-- Records that no tenant has a source any more.
-- Arguments: digest.
for _, tenant in ipairs(redis.call('SMEMBERS', keys.sourceOwners(args.digest))) do
  local size = redis.call('ZSCORE', keys.sourcesOf(tenant), args.digest)
  if size then
    redis.call('ZREM', keys.sourcesOf(tenant), args.digest)
    redis.call('DECRBY', keys.sourceBytes(tenant), string.format('%.0f', size))
  end
end
redis.call('DEL', keys.sourceOwners(args.digest))

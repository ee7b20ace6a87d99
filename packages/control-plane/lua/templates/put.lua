-- Writes the newest version of a template. The version grows only when the digest changes: the same template sent again changes nothing.
-- Arguments: tenant, name, digest, handler folder, build options as JSON, time in ms, limit of templates per tenant, origin as JSON.
-- Returns {the digest before or false, {version, updated_at}}, or false when the name is new and the tenant has reached the limit.
local key, names = keys.template(args.tenant, args.name), keys.templates(args.tenant)
local before = redis.call('HGET', key, 'digest')
if not before and redis.call('ZCARD', names) >= args.most then return false end
if before ~= args.digest then
  redis.call('HINCRBY', key, 'version', 1)
  redis.call('HSET', key, 'schema', constants.template_schema, 'digest', args.digest, 'handler_folder', args.handler_folder,
    'build_options', args.build_options, 'updated_at', args.at)
  if args.origin then redis.call('HSET', key, 'origin', args.origin) else redis.call('HDEL', key, 'origin') end
  redis.call('ZADD', names, 0, args.name)
end
return { before, redis.call('HMGET', key, 'version', 'updated_at') }

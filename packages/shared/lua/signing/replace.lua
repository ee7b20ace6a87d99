-- Replaces a field of a hash if it still holds what the caller read.
-- Arguments: the full key, field, value before, value after. Returns 1, or 0 when the field has changed.
if redis.call('HGET', args.key, args.field) ~= args.before then return 0 end
redis.call('HSET', args.key, args.field, args.after)
return 1

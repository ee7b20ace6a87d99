--- @include "functions/include/record"
-- Writes the record of a function.
-- Arguments: tenant, name, spec as JSON, the values that it lists, upper bound of the record in bytes, limit of the tenant in bytes,
-- and values, each as hash and text.
-- Returns {1} for a new function, {0} for a known one, or {'full', bytes that the tenant has}.
note_limit(args.tenant, args.limit)
if not has_room(args.tenant, args.bytes, 1) then return { 'full', whole(charged(args.tenant)) } end
for i = 1, #args.values, 2 do put_shared(args.tenant, args.values[i], args.values[i + 1]) end
set_function(args.tenant, args.name, { spec = args.spec, shared = args.shared, updated_at = whole(now) })
return { redis.call('ZADD', keys.functions(args.tenant), 0, args.name) }

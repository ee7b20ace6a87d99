--- @include "stored/include/values"
-- Removes the record of a function.
-- Arguments: tenant, name. Returns 1, or 0 when there was none.
local key = keys.functionRecord(args.tenant, args.name)
local f = redis.call('HMGET', key, 'stored', 'shared', 'built_shared')
drop_shared(args.tenant, f[2])
drop_shared(args.tenant, f[3])
charge(args.tenant, -tonumber(f[1] or '0'))
redis.call('ZREM', keys.functions(args.tenant), args.name)
return redis.call('DEL', key)

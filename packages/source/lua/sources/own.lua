-- Records that a tenant has sent a source.
-- Arguments: tenant, digest, bytes, limit of the tenant's source bytes, the reservation that the source replaces.
-- Returns {'had'}, {'new'}, or {'full', bytes of the tenant} when the limit would be exceeded.
local own, reservations = keys.sourcesOf(args.tenant), keys.sourcesReserved(args.tenant)
local reserved = args.reservation and redis.call('HGET', reservations, args.reservation)
if reserved then redis.call('HDEL', reservations, args.reservation) end
local admitted = reserved and string.find(reserved, 'admitted')
if redis.call('ZSCORE', own, args.digest) then return { 'had' } end
local has = tonumber(redis.call('GET', keys.sourceBytes(args.tenant)) or '0')
if args.most and not admitted and has + args.bytes > args.most then return { 'full', string.format('%.0f', has) } end
redis.call('ZADD', own, args.bytes, args.digest)
redis.call('INCRBY', keys.sourceBytes(args.tenant), args.bytes)
redis.call('SADD', keys.sourceOwners(args.digest), args.tenant)
return { 'new' }

--- @include "sources/include/uses"
-- Notes a use of a source.
-- Arguments: digest. Returns 1, or 0 when it is being removed or was.
if is_going(args.digest) then return 0 end
redis.call('ZADD', keys.sourcesUsed, whole(now), args.digest)
return 1

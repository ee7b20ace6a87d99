--- @include "sources/include/uses"
-- Records a use of a source.
-- Arguments: digest. Returns 1, or 0 when the source is being removed or was removed.
if is_going(args.digest) then return 0 end
redis.call('ZADD', keys.sourcesUsed, whole(now), args.digest)
return 1

--- @include "sources/include/uses"
-- Records that the blobs of a claimed source are written.
-- Arguments: digest.
unpin(args.digest)
redis.call('ZREM', keys.sourcesRemoved, args.digest)
if not redis.call('ZSCORE', keys.sourcesRemoving, args.digest) then redis.call('ZADD', keys.sourcesUsed, whole(now), args.digest) end

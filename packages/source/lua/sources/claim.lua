--- @include "include/time"
-- Asks whether a source is there or is to be written. See sources/include/uses.lua.
-- Arguments: digest, whether its blobs were found, ms that writing them may take.
-- Returns 'there' (it counts as used now), 'write' (`stored` or `release` follows), or 'removing' (ask again).
if redis.call('ZSCORE', keys.sourcesRemoving, args.digest) then return 'removing' end
if args.found and not redis.call('ZSCORE', keys.sourcesRemoved, args.digest) then
  redis.call('ZADD', keys.sourcesUsed, whole(now), args.digest)
  return 'there'
end
redis.call('ZADD', keys.sourcesPinned, whole(now + args.write_ms), args.digest)
redis.call('HINCRBY', keys.sourcesWriters, args.digest, 1)
return 'write'

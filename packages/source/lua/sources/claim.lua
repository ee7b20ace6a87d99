--- @include "include/time"
-- Claims a source: it exists, or the caller writes it. See sources/include/uses.lua.
-- Arguments: digest, 1 if its blobs were found, ms that writing them may take.
-- Returns 'there' (the source now counts as used), 'write' (`stored` or `release` follows), or 'removing' (the caller retries).
if redis.call('ZSCORE', keys.sourcesRemoving, args.digest) then return 'removing' end
if args.found and not redis.call('ZSCORE', keys.sourcesRemoved, args.digest) then
  redis.call('ZADD', keys.sourcesUsed, whole(now), args.digest)
  return 'there'
end
redis.call('ZADD', keys.sourcesPinned, whole(now + args.write_ms), args.digest)
redis.call('HINCRBY', keys.sourcesWriters, args.digest, 1)
return 'write'

--- @include "include/time"
-- Records that the blobs of condemned sources were removed.
-- Arguments: digests.
redis.call('ZREMRANGEBYSCORE', keys.sourcesRemoved, '-inf', whole(now - 3600000))
for _, digest in ipairs(args.digests) do
  redis.call('ZREM', keys.sourcesRemoving, digest)
  redis.call('ZADD', keys.sourcesRemoved, whole(now), digest)
end

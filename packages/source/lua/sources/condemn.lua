--- @include "include/time"
-- Condemns sources that were last used before a time.
-- Arguments: that time in ms since the epoch, digests. Returns the digests of the condemned sources.
local condemned = {}
-- A writer that has not ended by its deadline is dead.
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', keys.sourcesPinned, '-inf', whole(now), 'LIMIT', 0, 1000)) do
  redis.call('ZREM', keys.sourcesPinned, dead)
  redis.call('HDEL', keys.sourcesWriters, dead)
end
for _, digest in ipairs(args.digests) do
  local score = redis.call('ZSCORE', keys.sourcesUsed, digest)
  if score and tonumber(score) < args.since and not redis.call('ZSCORE', keys.sourcesPinned, digest) then
    redis.call('ZREM', keys.sourcesUsed, digest)
    redis.call('ZADD', keys.sourcesRemoving, whole(now), digest)
    condemned[#condemned + 1] = digest
  end
end
return condemned

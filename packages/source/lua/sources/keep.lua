--- @include "include/time"
-- Records that job records refer to sources.
-- Arguments: digests.
for _, digest in ipairs(args.digests) do redis.call('ZADD', keys.sourcesUsed, 'XX', whole(now), digest) end

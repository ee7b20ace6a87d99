--- @include "include/time"
-- Takes over condemned sources whose removal started long ago and did not end.
-- Arguments: that time in ms, maximum of sources. Returns their digests.
local found = redis.call('ZRANGEBYSCORE', keys.sourcesRemoving, '-inf', whole(now - args.abandoned_ms), 'LIMIT', 0, args.limit)
for _, digest in ipairs(found) do redis.call('ZADD', keys.sourcesRemoving, whole(now), digest) end
return found

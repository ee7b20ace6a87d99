--- @include "include/time"
-- Finds sources that were not used for a time, those unused for longest first.
-- Arguments: that time in ms, sources at most (Lua returns 5,000 at most). Returns {since when, digest, …}.
local since = whole(now - args.idle_ms)
return { since, unpack(redis.call('ZRANGEBYSCORE', keys.sourcesUsed, '-inf', '(' .. since, 'LIMIT', 0, args.limit)) }

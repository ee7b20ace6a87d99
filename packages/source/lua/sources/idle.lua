--- @include "include/time"
-- Finds sources that were unused for a time, the longest unused first.
-- Arguments: that time in ms, maximum of sources (Lua returns at most 5,000). Returns {last use, digest, …}.
local since = whole(now - args.idle_ms)
return { since, unpack(redis.call('ZRANGEBYSCORE', keys.sourcesUsed, '-inf', '(' .. since, 'LIMIT', 0, args.limit)) }

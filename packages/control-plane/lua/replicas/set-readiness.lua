--- @include "include/time"
-- Notes that a replica answers, and how ready it is. When a broken replica is ready again, its circuit lets a probe through at once.
-- Arguments: address, readiness, reason, ms for which they count.
-- Returns the readiness before, or '' when none counted.
local key = keys.replica(args.url)
local f = redis.call('HMGET', key, 'readiness', 'readiness_until', 'open_until')
local before = tonumber(f[2] or '0') > now and f[1] or ''
redis.call('HSET', key, 'health', 'up', 'readiness', args.readiness, 'readiness_reason', args.reason, 'readiness_until', now + args.counts_ms)
if before == 'broken' and args.readiness == 'ready' and tonumber(f[3] or '0') > now then
  redis.call('HSET', key, 'open_until', now)
end
return before

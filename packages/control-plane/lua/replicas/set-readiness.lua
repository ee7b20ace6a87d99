--- @include "replicas/include/process"
--- @include "replicas/include/offers"
-- Records that a replica answers, and its readiness. When a broken replica is ready again, its circuit allows a probe at once.
-- Arguments: address, readiness, reason, ms for which they are valid.
-- Returns the readiness before, or '' when it had expired.
local key = keys.replica(args.url)
local f = redis.call('HMGET', key, 'readiness', 'readiness_until', 'open_until')
local before = tonumber(f[2] or '0') > now and f[1] or ''
redis.call('HSET', key, 'health', 'up', 'readiness', args.readiness, 'readiness_reason', args.reason, 'readiness_until', now + args.counts_ms)
if before == 'broken' and args.readiness == 'ready' and tonumber(f[3] or '0') > now then
  redis.call('HSET', key, 'open_until', now)
end
expire_unless_announced(key)
offer(args.url)
return before

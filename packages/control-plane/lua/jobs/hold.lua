--- @include "include/time"
-- Holds all jobs, or releases them.
-- Arguments: whether to hold. Outcome: {'ok'}, or {'same'} when nothing changed.
if args.hold then
  if redis.call('EXISTS', keys.hold) == 1 then return { 'same' } end
  redis.call('HSET', keys.hold, 'reason', 'operator', 'since', whole(now))
  return { 'ok' }
end
local known = tonumber(redis.call('HGET', keys.hold, 'known') or '0')
if redis.call('DEL', keys.hold) == 0 then return { 'same' } end
redis.call('SET', keys.timeMark, whole(math.max(now, known, tonumber(redis.call('GET', keys.timeMark) or '0'))))
return { 'ok' }

--- @include "include/time"
-- Marks the time of Redis. Holds all jobs instead when the mark is too old and Redis has jobs of that time: Redis was restored from a backup.
-- Arguments: newest mark known outside of Redis (ms), the oldest mark that is accepted (ms), an id: older jobs existed when the newest mark was made.
-- Outcome: {'ok', the new mark, the mark before} or {'held', reason, since}. Without a change since the last mark, the mark stays.
local held = redis.call('HMGET', keys.hold, 'reason', 'since')
if held[1] then return { 'held', held[1], held[2] } end
local before = tonumber(redis.call('GET', keys.timeMark) or '0')
if before < args.least_mark then
  for _, state in ipairs({ 'queued', 'running' }) do
    if #redis.call('ZRANGEBYLEX', keys.index('state:' .. state), '-', '(' .. args.bound, 'LIMIT', 0, 1) > 0 then
      redis.call('HSET', keys.hold, 'reason', 'restored', 'since', whole(now), 'mark', whole(before), 'known', whole(args.known))
      return { 'held', 'restored', whole(now) }
    end
  end
end
local last = redis.call('XREVRANGE', keys.events, '+', '-', 'COUNT', 1)[1]
local changed = last and tonumber(string.match(last[1], '^%d+')) >= before
if not changed and before >= args.known then return { 'ok', whole(before), whole(before) } end
local mark = math.max(now, before, args.known)
redis.call('SET', keys.timeMark, whole(mark))
return { 'ok', whole(mark), whole(before) }

--- @include "stored/include/account"
-- Adds lines to the live log of a job, and charges the record of the job for their bytes.
-- Arguments: job id, id of the oldest line that the log keeps, bytes of the lines that it keeps, seconds to keep the log, and lines, each as id and text.
-- Returns 1 when a later attempt, whose ids are higher, writes to the log; 2 when the tenant has no room for the lines; else 0.
-- A worker that continues a build reads lines again that the log has already: they are skipped.
local log, record = keys.log(args.id), keys.job(args.id)
local attempt_of = function(id) return string.match(id, '^%d+') end
redis.call('XTRIM', log, 'MINID', args.oldest)
local f = redis.call('HMGET', record, 'tenant', 'log_bytes')
if f[1] then
  local more = args.bytes - tonumber(f[2] or '0')
  if more > 0 and not has_room(f[1], more, 1.25) then return 2 end
  redis.call('HSET', record, 'log_bytes', args.bytes)
  grow(record, f[1], more)
end
for i = 1, #args.lines, 2 do
  local added = redis.pcall('XADD', log, args.lines[i], 't', args.lines[i + 1])
  if type(added) == 'table' then
    if not string.find(added.err, 'equal or smaller', 1, true) then return added end
    if attempt_of(redis.call('XINFO', 'STREAM', log)[8]) ~= attempt_of(args.lines[i]) then return 1 end
  end
end
redis.call('EXPIRE', log, args.kept_seconds)
return 0

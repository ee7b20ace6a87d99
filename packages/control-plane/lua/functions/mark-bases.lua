--- @include "include/time"
-- Makes the check of base images due that are in use. A base image is checked at most once in the given pause.
-- Arguments: references, the pause in ms. Returns the number of references in use.
local used = 0
for _, reference in ipairs(args.references) do
  local due = redis.call('ZSCORE', keys.basesDue, reference)
  if due then
    local last = string.match(redis.call('HGET', keys.basesWatched, reference) or '', '^(%d+) ')
    local earliest = math.max(now, tonumber(last or 0) + args.pause_ms)
    if earliest < tonumber(due) then redis.call('ZADD', keys.basesDue, whole(earliest), reference) end
    used = used + 1
  end
end
return used

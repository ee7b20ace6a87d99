--- @include "include/time"
-- Adds base images that are in use, and removes others. A new one is due at once.
-- Arguments: references to add, references to remove. Returns the number of new ones.
local added = 0
for _, reference in ipairs(args.added) do added = added + redis.call('ZADD', keys.basesDue, 'NX', now, reference) end
for _, reference in ipairs(args.removed) do
  redis.call('ZREM', keys.basesDue, reference)
  redis.call('HDEL', keys.basesWatched, reference)
end
return added

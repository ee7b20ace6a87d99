--- @include "include/time"
-- Removes the names of replicas that no worker has announced for a while, and whose records have expired.
-- Arguments: ms without an announcement.
for _, url in ipairs(redis.call('ZRANGEBYSCORE', keys.replicas, '-inf', whole(now - args.kept_ms))) do
  if redis.call('EXISTS', keys.replica(url)) == 0 then redis.call('ZREM', keys.replicas, url) end
end

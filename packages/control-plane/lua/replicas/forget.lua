--- @include "replicas/include/offers"
-- Removes the names of replicas that no worker has announced for a while, and whose records have expired. Gives the record of an earlier version an end.
-- Reads replicas again whose time has come. Arguments: ms without an announcement, ms until the end of a record that has none.
for _, url in ipairs(redis.call('ZRANGEBYSCORE', keys.replicas, '-inf', whole(now - args.kept_ms))) do
  local left = redis.call('PTTL', keys.replica(url))
  if left == -2 then redis.call('ZREM', keys.replicas, url) end
  offer(url)
  if left == -1 then redis.call('PEXPIRE', keys.replica(url), args.record_ms) end
end
offer_due(1000)

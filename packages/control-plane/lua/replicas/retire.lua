--- @include "replicas/include/offers"
-- Removes the records of replicas that are gone.
-- Arguments: addresses.
for _, url in ipairs(args.urls) do
  redis.call('ZADD', keys.replicas, 'XX', now - offer_gone_ms - 1, url)
  redis.call('DEL', keys.replica(url))
  offer(url)
end

--- @include "replicas/include/offers"
-- Announces replicas.
-- Arguments: replicas, ten texts each: address, limit or 0, pool, platforms separated by spaces, how workers find it, name and node of its pod, 1 when the pod is not
-- ready, 1 when Kubernetes ends it, ms that its record stays without an announcement.
-- Returns the addresses of replicas that had another pool or other platforms before.
local changed = {}
for i = 1, #args.replicas, 10 do
  local url, max, pool, platforms, kind, name, node, starting, leaving, kept_ms = unpack(args.replicas, i, i + 9)
  local key = keys.replica(url)
  local before = redis.call('HMGET', key, 'pool', 'platforms')
  if before[1] and (before[1] ~= pool or before[2] ~= platforms) then changed[#changed + 1] = url end
  redis.call('ZADD', keys.replicas, now, url)
  redis.call('HSET', key, 'configured', max, 'pool', pool, 'platforms', platforms, 'kind', kind, 'name', name, 'node', node, 'starting', starting)
  -- A worker that sees an earlier state of the pod must not take back that it ends.
  if leaving == '1' then redis.call('HSET', key, 'leaving', 1) end
  redis.call('PEXPIRE', key, tonumber(kept_ms))
  offer(url)
end
return changed

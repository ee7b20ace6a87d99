--- @include "replicas/include/replica"
-- Renews leases that are still held.
-- Arguments: ms that leases live, and leases, each as id and address. Returns the ids of the leases that ran out.
local lost = {}
for i = 1, #args.leases, 2 do
  local lease, url = args.leases[i], args.leases[i + 1]
  if redis.call('ZSCORE', keys.slots(url), lease) then
    redis.call('ZADD', keys.slots(url), 'XX', now + args.ttl_ms, lease)
    redis.call('ZADD', keys.suspectSlots(url), 'XX', now + args.ttl_ms, lease)
    keep_leases(keys.slots(url), args.ttl_ms)
    keep_leases(keys.suspectSlots(url), args.ttl_ms)
  else
    lost[#lost + 1] = lease
  end
end
return lost

-- Takes the leader's lease if it is free, or renews it if this worker holds it.
-- Arguments: name of the worker, ms of the lease. Returns 1 when the worker holds the lease now, else 0.
local holder = redis.call('GET', keys.leader)
if holder and holder ~= args.worker then return 0 end
redis.call('SET', keys.leader, args.worker, 'PX', args.lease_ms)
return 1

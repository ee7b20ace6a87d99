--- @include "jobs/include/lifecycle"
-- Defines `batch`, the batch of the arguments.
local batch = { id = args.id, key = keys.batch(args.id), events = keys.batchEvents(args.id), parked_jobs = keys.batchParked(args.id) }

-- Returns the reserved bytes that no job of the batch has used.
local function end_reservation()
  local f = redis.call('HMGET', batch.key, 'tenant', 'reserved')
  if not f[2] then return end
  charge(f[1], -tonumber(f[2]))
  redis.call('HDEL', batch.key, 'reserved')
end

--- @include "jobs/include/settle"
-- A batch that is written or given up.
local batch = { id = args.id, key = keys.batch(args.id), events = keys.batchEvents(args.id), parked = keys.batchParked(args.id) }

-- Gives back what no job of the batch has taken.
local function end_reservation()
  local f = redis.call('HMGET', batch.key, 'tenant', 'reserved')
  if not f[2] then return end
  charge(f[1], -tonumber(f[2]))
  redis.call('HDEL', batch.key, 'reserved')
end

--- @include "webhooks/include/delivery"
-- Removes the oldest deliveries of a tenant that ended long ago.
-- Arguments: tenant, ms to keep ended deliveries, limit of deliveries that the step checks.
-- Outcome: {'ok', number of removed deliveries}.
local count = 0
for _, delivery in ipairs(redis.call('ZRANGE', keys.deliveries('tenant:' .. args.tenant), 0, args.most - 1)) do
  local finished = redis.call('HGET', keys.delivery(delivery), 'finished_at')
  if finished and tonumber(finished) < now - args.kept_ms then
    remove_delivery(delivery)
    count = count + 1
  end
end
return reply('ok', count)

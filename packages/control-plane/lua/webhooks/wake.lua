--- @include "webhooks/include/delivery"
-- Reclaims expired leases, makes parked deliveries due whose lane has room or whose circuit is due for a probe, and cancels pending deliveries to endpoints that
-- were switched off or removed.
-- Arguments: limit of deliveries. Outcome: {'ok'}.

-- Cancels the deliveries that wait for an endpoint, and returns their number. A delivery in flight ends with its request.
local function cancel_pending(endpoint, most)
  local ended, why = off(endpoint)
  local count = 0
  if ended then
    for _, delivery in ipairs(redis.call('ZRANGE', keys.deliveries('pending:' .. endpoint), 0, most - 1)) do
      if redis.call('HEXISTS', keys.delivery(delivery), 'token') == 0 then
        end_delivery(delivery, 'canceled', why)
        count = count + 1
      end
    end
  end
  -- The limit is larger than the number in flight, so a step that finds only those is the last.
  if count == 0 then redis.call('ZREM', keys.stoppingWebhooks, endpoint) end
  return count
end

local left = args.limit
for _, lane in ipairs(redis.call('ZRANGEBYSCORE', keys.lanes, '-inf', now, 'LIMIT', 0, 100)) do
  reclaim(lane)
  unpark(lane, left)
  watch(lane)
end
for _, endpoint in ipairs(redis.call('ZRANGE', keys.stoppingWebhooks, 0, 9)) do
  if left > 50 then left = left - cancel_pending(endpoint, left) end
end
return reply('ok')

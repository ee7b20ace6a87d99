--- @include "webhooks/include/delivery"
-- Takes back leases that have run out, releases parked deliveries whose lane has room or whose circuit is to be tried, and cancels those of
-- endpoints that were switched off or removed.
-- Arguments: deliveries at most. Outcome: {'ok'}.

-- Cancels what waits for an endpoint. A delivery in flight ends when its request does.
local function cancel_pending(endpoint, most)
  local ended, why = off(endpoint)
  local count = 0
  if ended then
    for _, delivery in ipairs(redis.call('ZRANGE', keys.deliveries('pending:' .. endpoint), 0, most - 1)) do
      if redis.call('HEXISTS', keys.delivery(delivery), 'token') == 0 then
        settle(delivery, 'canceled', why)
        count = count + 1
      end
    end
  end
  -- As many as may be in flight stand before those that are to be canceled.
  if count == 0 then redis.call('ZREM', keys.stoppingWebhooks, endpoint) end
  return count
end

local left = args.limit
for _, lane in ipairs(redis.call('ZRANGEBYSCORE', keys.lanes, '-inf', now, 'LIMIT', 0, 100)) do
  reclaim(lane)
  release(lane, left)
  watch(lane)
end
for _, endpoint in ipairs(redis.call('ZRANGE', keys.stoppingWebhooks, 0, 9)) do
  if left > 50 then left = left - cancel_pending(endpoint, left) end
end
return reply('ok')

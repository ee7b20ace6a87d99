--- @include "webhooks/include/delivery"
-- Removes ended deliveries that are too old or too many.
-- Arguments: ms to keep delivered ones, ms to keep the others, number of ended deliveries to keep, limit of removals in this step, limit of removals for age.
-- Outcome: {'ok', number of removed deliveries, number removed for their age}.
local left, count = args.limit, 0
local delivered, failed = keys.deliveries('ended:delivered'), keys.deliveries('ended:failed')

local function drop(ended, ids)
  for _, delivery in ipairs(ids) do
    redis.call('ZREM', ended, delivery)
    remove_delivery(delivery)
  end
  left, count = left - #ids, count + #ids
end

drop(delivered, redis.call('ZRANGEBYSCORE', delivered, '-inf', now - args.delivered_ms, 'LIMIT', 0, args.most_old))
drop(failed, redis.call('ZRANGEBYSCORE', failed, '-inf', now - args.failed_ms, 'LIMIT', 0, args.most_old - count))
local old = count
-- When there are too many, delivered ones go first.
for _, ended in ipairs({ delivered, failed }) do
  local excess = math.min(left, redis.call('ZCARD', delivered) + redis.call('ZCARD', failed) - args.max)
  if excess > 0 then drop(ended, redis.call('ZRANGE', ended, 0, excess - 1)) end
end
return reply('ok', count, old)

--- @include "webhooks/include/delivery"
-- Removes ended deliveries that are too old or too many.
-- Arguments: ms for which delivered ones are kept, ms for which the others are kept, how many ended ones are kept, how many this step removes at most,
-- and how many of those for their age.
-- Outcome: {'ok', how many were removed, how many of those for their age}.
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
-- Too many: those that arrived go first.
for _, ended in ipairs({ delivered, failed }) do
  local excess = math.min(left, redis.call('ZCARD', delivered) + redis.call('ZCARD', failed) - args.max)
  if excess > 0 then drop(ended, redis.call('ZRANGE', ended, 0, excess - 1)) end
end
return reply('ok', count, old)

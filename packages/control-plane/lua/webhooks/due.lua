--- @include "webhooks/include/delivery"
-- Releases deliveries that are due.
-- Arguments: limit of deliveries. Outcome: {'ok'}.
for _, delivery in ipairs(redis.call('ZRANGEBYSCORE', keys.dueDeliveries, '-inf', now, 'LIMIT', 0, args.limit)) do let_go(delivery) end
return reply('ok')

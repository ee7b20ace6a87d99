--- @include "webhooks/include/endpoint"
-- Changes fields of an endpoint. Switching it on clears its failures. Switching it off marks it as stopping while deliveries to it may be pending.
-- Arguments: tenant, id, ms since the epoch, and fields, each as name and value. Returns 1, or 0 when the tenant has no such endpoint.
if not is_of(args.tenant, args.id) then return 0 end
local key, lane = keys.webhook(args.id), 'endpoint:' .. args.id
redis.call('INCR', keys.webhooksVersion)
redis.call('HSET', key, 'updated_at', args.at, unpack(args.fields))
local enabled
for i = 1, #args.fields, 2 do
  if args.fields[i] == 'enabled' then enabled = args.fields[i + 1] end
end
if enabled == '1' then
  redis.call('HDEL', key, 'disabled_reason', 'disabled_at', 'failing_since', 'failed_in_a_row')
  redis.call('DEL', keys.lane(lane))
  redis.call('ZREM', keys.stoppingWebhooks, args.id)
  -- Parked deliveries may go now.
  if redis.call('EXISTS', keys.laneParked(lane)) == 1 then redis.call('ZADD', keys.lanes, 0, lane) end
elseif enabled == '0' then
  -- The tenant switched it off, so there is no reason to record.
  redis.call('HDEL', key, 'disabled_reason', 'disabled_at')
  redis.call('ZADD', keys.stoppingWebhooks, args.at, args.id)
end
return 1

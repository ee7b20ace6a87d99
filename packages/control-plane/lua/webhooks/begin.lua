--- @include "webhooks/include/delivery"
-- Leases a delivery to a sender, unless its lane has no room.
-- Arguments: id, token of the sender, ms of the lease, limit of requests in flight for a lane of callbacks.
-- Outcome: {'begun', the record's fields}, {'parked'}, {'ended'}, {'missing'}, or {'later'} when another sender has it or it is not due.
local key = keys.delivery(args.id)
local f = redis.call('HMGET', key, 'state', 'lane', 'token', 'due_at', 'endpoint', 'created_at')
local state, token, endpoint = f[1], f[3], f[5]
if not state then return reply('missing') end
if state ~= 'pending' then return reply('ended') end
local lane = lane_of(f[2], endpoint)
local lease = token and tonumber(redis.call('ZSCORE', keys.laneInflight(lane), args.id))
if lease and lease > now then return reply('later') end
if tonumber(f[4]) > now then return reply('later') end
local ended, why = off(endpoint)
reclaim(lane)
redis.call('ZREM', keys.laneInflight(lane), args.id)
redis.call('HDEL', key, 'token')
if ended then
  end_delivery(args.id, 'canceled', why)
  watch(lane)
  return reply('ended')
end

local max = args.max_in_flight
if endpoint then
  local e = redis.call('HMGET', keys.webhook(endpoint), 'url', 'format', 'max_in_flight')
  redis.call('HSET', key, 'url', e[1])
  if e[2] == '{"type":"standard"}' then redis.call('HDEL', key, 'format') else redis.call('HSET', key, 'format', e[2]) end
  max = e[3]
end
redis.call('HSET', keys.lane(lane), 'max', max)
redis.call('PEXPIRE', keys.lane(lane), lane_ttl)

redis.call('ZREM', keys.dueDeliveries, args.id)
if room(lane) < 1 then
  redis.call('ZADD', keys.laneParked(lane), f[6], args.id)
  watch(lane)
  return reply('parked')
end
redis.call('ZREM', keys.laneParked(lane), args.id)
redis.call('HSET', key, 'token', args.token)
redis.call('ZADD', keys.laneInflight(lane), now + args.lease_ms, args.id)
watch(lane)
return reply('begun', redis.call('HGETALL', key))

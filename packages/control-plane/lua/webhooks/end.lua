--- @include "webhooks/include/delivery"
--- @include "events/include/append"
-- Records the end of an attempt. Only the holder of the token may end it.
-- Arguments: id, token, the attempt as JSON (absent when no request was made), verdict, the time of the next attempt or the reason of the end, the reason to switch
-- the endpoint off.
-- Outcome: {'ok', the reason that the endpoint was switched off or ''}, or {'stale'}.
--
-- A failed attempt counts for the lane's circuit, which opens after ten in a row for ten seconds, doubled each time up to five minutes; a failed probe opens it
-- again at once. The attempt also counts for the endpoint: Slipway switches an endpoint off when no attempt has succeeded in the five days since the first failure,
-- or when a hundred deliveries in a row have failed for good.
local key = keys.delivery(args.id)
local f = redis.call('HMGET', key, 'state', 'lane', 'token', 'endpoint', 'tenant')
local endpoint, tenant = f[4], f[5]
if f[1] ~= 'pending' or not f[3] or f[3] ~= args.token then return reply('stale') end
local lane = lane_of(f[2], endpoint)
local verdict, detail, disabled = args.verdict, args.detail, ''
local arrived = verdict == 'delivered'

redis.call('HDEL', key, 'token')
redis.call('ZREM', keys.laneInflight(lane), args.id)
if args.attempt then
  redis.call('HSET', key, 'attempt:' .. redis.call('HINCRBY', key, 'attempts', 1), args.attempt)
  grow(key, tenant, #args.attempt + attempt_bytes)
end

local function switch_off(reason)
  local e = redis.call('HMGET', keys.webhook(endpoint), 'enabled', 'tenant')
  if e[1] ~= '1' then return end
  disabled = reason
  redis.call('HSET', keys.webhook(endpoint), 'enabled', '0', 'disabled_reason', reason, 'disabled_at', whole(now), 'updated_at', whole(now))
  redis.call('INCR', keys.webhooksVersion)
  redis.call('ZADD', keys.stoppingWebhooks, now, endpoint)
  append_event({ 'type', 'webhook.disabled', 'webhook', endpoint, 'tenant', e[2], 'reason', reason, 'at', whole(now) }, { keys.tenantChannel(e[2]) })
end

local function note_health()
  local webhook = keys.webhook(endpoint)
  if redis.call('EXISTS', webhook) == 0 then return end
  if arrived then return redis.call('HDEL', webhook, 'failing_since', 'failed_in_a_row') end
  redis.call('HSETNX', webhook, 'failing_since', whole(now))
  local given_up = verdict == 'failed' and redis.call('HINCRBY', webhook, 'failed_in_a_row', 1) or 0
  if args.disable then return switch_off(args.disable) end
  if given_up >= 100 then return switch_off('failed_in_a_row') end
  if now - tonumber(redis.call('HGET', webhook, 'failing_since')) >= 432000000 then switch_off('failing') end
end

local function note_circuit()
  local circuit = keys.lane(lane)
  if arrived then return redis.call('HDEL', circuit, 'failures', 'open_until', 'opens') end
  local open_until = tonumber(redis.call('HGET', circuit, 'open_until') or '0')
  -- An attempt that began before the circuit opened gives no new information.
  if open_until > now then return end
  local failures = redis.call('HINCRBY', circuit, 'failures', 1)
  redis.call('PEXPIRE', circuit, lane_ttl)
  if open_until == 0 and failures < 10 then return end
  local opens = redis.call('HINCRBY', circuit, 'opens', 1)
  redis.call('HSET', circuit, 'open_until', whole(now + math.min(300000, 10000 * 2 ^ math.min(opens - 1, 10))))
end

local was_open = redis.call('HEXISTS', keys.lane(lane), 'open_until') == 1
if args.attempt then
  if endpoint then note_health() end
  note_circuit()
end

local ended, why = off(endpoint)
if verdict == 'retry' and ended then verdict, detail = 'canceled', why end
if verdict == 'retry' then
  redis.call('HSET', key, 'due_at', detail)
  redis.call('ZADD', keys.dueDeliveries, detail, args.id)
else
  end_delivery(args.id, verdict, not arrived and detail or nil)
end

reclaim(lane)
-- Normally one delivery takes the place of this one. When the circuit closes, the lane fills up.
unpark(lane, was_open and arrived and 1000 or 1)
watch(lane)
return reply('ok', disabled)

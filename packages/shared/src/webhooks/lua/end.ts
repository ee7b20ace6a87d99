/**
 * end: 4 token, 5 the attempt as JSON or '', 6 verdict, 7 when to try again or why it ended, 8 why the endpoint is to be switched off or ''.
 * Returns {'ok', why the endpoint was switched off or ''}, or {'stale'}.
 *
 * An attempt that failed counts for the lane's circuit, which opens after ten in a row for ten seconds, doubled each time up to five
 * minutes; a failed probe opens it again at once. And it counts for the endpoint, which is switched off when none has arrived for five days
 * since the first that failed, or when a hundred deliveries in a row were given up.
 */
export const end = `
if op ~= 'end' then return redis.error_reply('unknown operation ' .. op) end
if state ~= 'pending' or not token or token ~= ARGV[4] then return { 'stale' } end
local attempt, verdict, detail, disable = ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local attempted, disabled = attempt ~= '', ''
local arrived = verdict == 'delivered'

redis.call('HDEL', key_of(id), 'token')
redis.call('ZREM', inflight_key(lane), id)
if attempted then
  redis.call('HSET', key_of(id), 'attempt:' .. redis.call('HINCRBY', key_of(id), 'attempts', 1), attempt)
  grow(key_of(id), redis.call('HGET', key_of(id), 'tenant'), #attempt + attempt_bytes)
end

local function switch_off(reason)
  local key = endpoint_key(endpoint)
  local e = redis.call('HMGET', key, 'enabled', 'tenant')
  if e[1] ~= '1' then return end
  disabled = reason
  redis.call('HSET', key, 'enabled', '0', 'disabled_reason', reason, 'disabled_at', clock(now), 'updated_at', clock(now))
  redis.call('INCR', base .. 'webhooks:version')
  redis.call('ZADD', stopping, now, endpoint)
  redis.call('XADD', base .. 'events', '*', 'type', 'webhook.disabled', 'webhook', endpoint, 'tenant', e[2], 'reason', reason, 'at', clock(now))
end

local function note_health()
  local key = endpoint_key(endpoint)
  if redis.call('EXISTS', key) == 0 then return end
  if arrived then return redis.call('HDEL', key, 'failing_since', 'failed_in_a_row') end
  redis.call('HSETNX', key, 'failing_since', clock(now))
  local given_up = verdict == 'failed' and redis.call('HINCRBY', key, 'failed_in_a_row', 1) or 0
  if disable ~= '' then return switch_off(disable) end
  if given_up >= 100 then return switch_off('failed_in_a_row') end
  if now - tonumber(redis.call('HGET', key, 'failing_since')) >= 432000000 then switch_off('failing') end
end

local function note_circuit()
  local key = lane_key(lane)
  if arrived then return redis.call('HDEL', key, 'failures', 'open_until', 'opens') end
  local open_until = tonumber(redis.call('HGET', key, 'open_until') or '0')
  -- Begun before it opened: this is known already.
  if open_until > now then return end
  local failures = redis.call('HINCRBY', key, 'failures', 1)
  redis.call('PEXPIRE', key, lane_ttl)
  if open_until == 0 and failures < 10 then return end
  local opens = redis.call('HINCRBY', key, 'opens', 1)
  redis.call('HSET', key, 'open_until', clock(now + math.min(300000, 10000 * 2 ^ math.min(opens - 1, 10))))
end

local was_open = redis.call('HEXISTS', lane_key(lane), 'open_until') == 1
if attempted then
  if endpoint then note_health() end
  note_circuit()
end

local ended, why = off(endpoint)
if verdict == 'retry' and ended then verdict, detail = 'canceled', why end
if verdict == 'retry' then
  redis.call('HSET', key_of(id), 'due_at', detail)
  redis.call('ZADD', due, detail, id)
else
  settle(id, verdict, arrived and '' or detail)
end

reclaim(lane)
-- One for the one that has left; all that there is room for once the circuit closes.
release(lane, was_open and arrived and 1000 or 1)
watch(lane)
return { 'ok', disabled }
`;

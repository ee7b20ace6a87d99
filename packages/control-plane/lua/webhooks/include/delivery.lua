--- @include "stored/include/account"
-- A delivery, its lane, and the steps of every change. Times are milliseconds by Redis' clock.
--
-- A lane is a hash: `max` (concurrent requests), `failures` (in a row), `open_until` and `opens` (its circuit). Once `open_until` has passed, one delivery
-- goes as a probe; a success closes the circuit. `keys.lanes` holds the lanes that have leases or parked deliveries.
--
-- Two kinds of indexes serve no list: `pending:<endpoint>` finds the deliveries to cancel when an endpoint is switched off. `ended:delivered` and `ended:failed`
-- (canceled ones too), score = time of the end, find the deliveries that are too old.

-- A lane without a delivery expires after a day: callbacks have one lane per host.
local lane_ttl = 86400000
-- True once this operation makes a delivery due now.
local announces = false

local function make_due(delivery)
  redis.call('ZADD', keys.dueDeliveries, now, delivery)
  announces = true
end

-- Returns the final state of a delivery to the endpoint, and its reason; nil while the endpoint is switched on.
local function off(endpoint)
  if not endpoint then return nil end
  local f = redis.call('HMGET', keys.webhook(endpoint), 'enabled', 'disabled_reason')
  if not f[1] then return 'canceled', 'webhook_deleted' end
  if f[1] == '1' then return nil end
  return f[2] and 'failed' or 'canceled', 'webhook_disabled'
end

-- Only the records of callbacks name their lane.
local function lane_of(lane, endpoint) return lane or 'endpoint:' .. endpoint end

-- Moves a delivery to a final state.
local function end_delivery(delivery, to, reason)
  local key = keys.delivery(delivery)
  local f = redis.call('HMGET', key, 'state', 'lane', 'endpoint', 'created_at')
  local lane = lane_of(f[2], f[3])
  redis.call('HSET', key, 'state', to, 'finished_at', whole(now))
  if reason then redis.call('HSET', key, 'reason', reason) end
  redis.call('HDEL', key, 'due_at', 'token')
  redis.call('ZREM', keys.dueDeliveries, delivery)
  redis.call('ZREM', keys.laneParked(lane), delivery)
  redis.call('ZREM', keys.laneInflight(lane), delivery)
  if f[1] then redis.call('ZREM', keys.deliveries('state:' .. f[1]), delivery) end
  if f[3] then redis.call('ZREM', keys.deliveries('pending:' .. f[3]), delivery) end
  -- Nearly all deliveries arrive, so an index of those would be no faster than another index.
  if to ~= 'delivered' then redis.call('ZADD', keys.deliveries('state:' .. to), f[4], delivery) end
  redis.call('ZADD', keys.deliveries(to == 'delivered' and 'ended:delivered' or 'ended:failed'), now, delivery)
end

-- Bytes of a record besides its texts, with its entries in indexes; and of an attempt besides its text.
local delivery_bytes, attempt_bytes = 1500, 60

-- Removes a record and its entries in indexes.
local function remove_delivery(delivery)
  local key = keys.delivery(delivery)
  local f = redis.call('HMGET', key, 'state', 'tenant', 'endpoint', 'job', 'batch', 'stored')
  redis.call('ZREM', keys.deliveries('ended:delivered'), delivery)
  redis.call('ZREM', keys.deliveries('ended:failed'), delivery)
  if f[1] then redis.call('ZREM', keys.deliveries('state:' .. f[1]), delivery) end
  if f[2] then
    redis.call('ZREM', keys.deliveries('tenant:' .. f[2]), delivery)
    charge(f[2], -tonumber(f[6] or '0'))
  end
  if f[3] then redis.call('ZREM', keys.deliveries('endpoint:' .. f[3]), delivery) end
  if f[4] then redis.call('ZREM', keys.deliveries('job:' .. f[4]), delivery) end
  if f[5] then redis.call('ZREM', keys.deliveries('batch:' .. f[5]), delivery) end
  redis.call('DEL', key)
end

-- Returns whether the tenant has room for that many bytes. Removes its oldest ended deliveries to make room.
local function room_for(tenant, bytes)
  if has_room(tenant, bytes, 1.25) then return true end
  for _, delivery in ipairs(redis.call('ZRANGE', keys.deliveries('tenant:' .. tenant), 0, 49)) do
    local state = redis.call('HGET', keys.delivery(delivery), 'state')
    if state and state ~= 'pending' then remove_delivery(delivery) end
    if has_room(tenant, bytes, 1.25) then return true end
  end
  return false
end

-- Completes a record whose other fields are set, and adds it to its indexes. `to` is its final state, or nil for a delivery to send.
local function make(delivery, to, reason)
  local key = keys.delivery(delivery)
  local f = redis.call('HMGET', key, 'tenant', 'endpoint', 'job', 'batch')
  redis.call('HSET', key, 'created_at', whole(now))
  redis.call('ZADD', keys.deliveries('tenant:' .. f[1]), now, delivery)
  if f[2] then redis.call('ZADD', keys.deliveries('endpoint:' .. f[2]), now, delivery) end
  if f[3] then redis.call('ZADD', keys.deliveries('job:' .. f[3]), now, delivery) end
  if f[4] then redis.call('ZADD', keys.deliveries('batch:' .. f[4]), now, delivery) end
  if not to then to, reason = off(f[2]) end
  if to then return end_delivery(delivery, to, reason) end
  redis.call('HSET', key, 'state', 'pending', 'due_at', whole(now))
  make_due(delivery)
  redis.call('ZADD', keys.deliveries('state:pending'), now, delivery)
  if f[2] then redis.call('ZADD', keys.deliveries('pending:' .. f[2]), now, delivery) end
end

-- Reclaims expired leases: their holder is gone, or too late.
local function reclaim(lane)
  local key = keys.laneInflight(lane)
  for _, delivery in ipairs(redis.call('ZRANGEBYSCORE', key, '-inf', now, 'LIMIT', 0, 100)) do
    redis.call('ZREM', key, delivery)
    redis.call('HDEL', keys.delivery(delivery), 'token')
    make_due(delivery)
  end
end

local function room(lane)
  local f = redis.call('HMGET', keys.lane(lane), 'max', 'open_until')
  local most = tonumber(f[1] or '1')
  if f[2] then most = tonumber(f[2]) > now and 0 or 1 end
  return most - redis.call('ZCARD', keys.laneInflight(lane))
end

-- Makes parked deliveries due, the oldest first.
local function unpark(lane, most)
  local count = math.min(room(lane), most)
  if count < 1 then return end
  local popped = redis.call('ZPOPMIN', keys.laneParked(lane), count)
  for i = 1, #popped, 2 do
    make_due(popped[i])
  end
end

-- Schedules the next check of the lane: when a lease expires, or the circuit is due for a probe. Without either, a lane with parked deliveries is checked every two
-- seconds, because its limit may have changed.
local function watch(lane)
  local at
  if redis.call('EXISTS', keys.laneParked(lane)) == 1 then
    local open_until = tonumber(redis.call('HGET', keys.lane(lane), 'open_until') or '0')
    at = open_until > now and open_until or now + 2000
  end
  local lease = tonumber(redis.call('ZRANGE', keys.laneInflight(lane), 0, 0, 'WITHSCORES')[2])
  if lease and (not at or lease < at) then at = lease end
  if at then redis.call('ZADD', keys.lanes, at, lane) else redis.call('ZREM', keys.lanes, lane) end
end

-- Returns the outcome of an operation. Wakes the workers if a delivery is due now.
local function reply(...)
  if announces then redis.call('PUBLISH', keys.deliveriesDue, '') end
  return { ... }
end

import { storedLua } from '../../stored/index.js';

/**
 * What all operations share: the arguments, the clock, and the steps that changes are made of. Times are milliseconds by Redis' clock.
 *
 * A lane is a hash: `max` (requests that may be under way), `failures` (in a row), `open_until` and `opens` (its circuit). Once `open_until`
 * has passed, one delivery goes as a probe; the circuit is closed by a success. `lanes` holds those lanes that have leases or parked
 * deliveries; score = when there may be something to do.
 *
 * Besides the indexes that lists are made from there are `deliveries:pending:<endpoint>`, for when that is switched off, and
 * `deliveries:ended:delivered` and `deliveries:ended:failed` (canceled ones too), score = when each ended, for when it is too old.
 */
export const prelude = `
local base, op, id = ARGV[1], ARGV[2], ARGV[3]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local due, lanes, stopping = base .. 'deliveries:due', base .. 'lanes', base .. 'webhooks:stopping'
-- What is known of a lane is forgotten after a day without a delivery: those of callbacks are as many as there are hosts.
local lane_ttl = 86400000
-- Deliveries that may go to the queue from now on, each followed by how often it was parked.
local released = {}

${storedLua}

local function clock(ms) return string.format('%.0f', ms) end
local function key_of(delivery) return base .. 'delivery:' .. delivery end
local function index(name) return base .. 'deliveries:' .. name end
local function endpoint_key(endpoint) return base .. 'webhook:' .. endpoint end
local function lane_key(lane) return base .. 'lane:' .. lane end
local function inflight_key(lane) return base .. 'lane:' .. lane .. ':inflight' end
local function parked_key(lane) return base .. 'lane:' .. lane .. ':parked' end

local function let_go(delivery)
  released[#released + 1] = delivery
  released[#released + 1] = redis.call('HGET', key_of(delivery), 'parkings') or '0'
end

-- How what is for the endpoint ends, and why; nothing while it is switched on.
local function off(endpoint)
  if not endpoint then return nil end
  local f = redis.call('HMGET', endpoint_key(endpoint), 'enabled', 'disabled_reason')
  if not f[1] then return 'canceled', 'webhook_deleted' end
  if f[1] == '1' then return nil end
  return f[2] and 'failed' or 'canceled', 'webhook_disabled'
end

-- Only callbacks have it on record.
local function lane_of(lane, endpoint) return lane or 'endpoint:' .. endpoint end

local function settle(delivery, to, reason)
  local key = key_of(delivery)
  local f = redis.call('HMGET', key, 'state', 'lane', 'endpoint', 'created_at')
  local lane = lane_of(f[2], f[3])
  redis.call('HSET', key, 'state', to, 'finished_at', clock(now))
  if reason ~= '' then redis.call('HSET', key, 'reason', reason) end
  redis.call('HDEL', key, 'due_at', 'token')
  redis.call('ZREM', due, delivery)
  redis.call('ZREM', parked_key(lane), delivery)
  redis.call('ZREM', inflight_key(lane), delivery)
  if f[1] then redis.call('ZREM', index('state:' .. f[1]), delivery) end
  if f[3] then redis.call('ZREM', index('pending:' .. f[3]), delivery) end
  -- Nearly all arrive, so that an index of those would find nothing faster than any other does.
  if to ~= 'delivered' then redis.call('ZADD', index('state:' .. to), f[4], delivery) end
  redis.call('ZADD', index(to == 'delivered' and 'ended:delivered' or 'ended:failed'), now, delivery)
end

-- A record besides its texts, with its entries in indexes.
local delivery_bytes, attempt_bytes = 1500, 60

-- Removes a record and all that leads to it.
local function remove_delivery(delivery)
  local key = key_of(delivery)
  local f = redis.call('HMGET', key, 'state', 'tenant', 'endpoint', 'job', 'batch', 'stored')
  redis.call('ZREM', index('ended:delivered'), delivery)
  redis.call('ZREM', index('ended:failed'), delivery)
  if f[1] then redis.call('ZREM', index('state:' .. f[1]), delivery) end
  if f[2] then
    redis.call('ZREM', index('tenant:' .. f[2]), delivery)
    charge(f[2], -tonumber(f[6] or '0'))
  end
  if f[3] then redis.call('ZREM', index('endpoint:' .. f[3]), delivery) end
  if f[4] then redis.call('ZREM', index('job:' .. f[4]), delivery) end
  if f[5] then redis.call('ZREM', index('batch:' .. f[5]), delivery) end
  redis.call('DEL', key)
end

-- Returns whether the tenant has room for that many bytes. Its oldest ended deliveries are removed to make room.
local function room_for(tenant, bytes)
  if has_room(tenant, bytes, 1.25) then return true end
  for _, delivery in ipairs(redis.call('ZRANGE', index('tenant:' .. tenant), 0, 49)) do
    local state = redis.call('HGET', key_of(delivery), 'state')
    if state and state ~= 'pending' then remove_delivery(delivery) end
    if has_room(tenant, bytes, 1.25) then return true end
  end
  return false
end

-- Writes a record whose other fields are there, and what leads to it.
local function make(delivery, to, reason)
  local key = key_of(delivery)
  local f = redis.call('HMGET', key, 'tenant', 'endpoint', 'job', 'batch')
  redis.call('HSET', key, 'created_at', clock(now))
  redis.call('ZADD', index('tenant:' .. f[1]), now, delivery)
  if f[2] then redis.call('ZADD', index('endpoint:' .. f[2]), now, delivery) end
  if f[3] then redis.call('ZADD', index('job:' .. f[3]), now, delivery) end
  if f[4] then redis.call('ZADD', index('batch:' .. f[4]), now, delivery) end
  if to == '' then
    local state, why = off(f[2])
    to, reason = state or '', why or ''
  end
  if to ~= '' then return settle(delivery, to, reason) end
  redis.call('HSET', key, 'state', 'pending', 'due_at', clock(now))
  redis.call('ZADD', due, now, delivery)
  redis.call('ZADD', index('state:pending'), now, delivery)
  if f[2] then redis.call('ZADD', index('pending:' .. f[2]), now, delivery) end
  let_go(delivery)
end

-- Leases that have run out: whoever held them is gone, or too late.
local function reclaim(lane)
  local key = inflight_key(lane)
  for _, delivery in ipairs(redis.call('ZRANGEBYSCORE', key, '-inf', now, 'LIMIT', 0, 100)) do
    redis.call('ZREM', key, delivery)
    redis.call('HDEL', key_of(delivery), 'token')
    redis.call('ZADD', due, now, delivery)
    let_go(delivery)
  end
end

local function room(lane)
  local f = redis.call('HMGET', lane_key(lane), 'max', 'open_until')
  local most = tonumber(f[1] or '1')
  if f[2] then most = tonumber(f[2]) > now and 0 or 1 end
  return most - redis.call('ZCARD', inflight_key(lane))
end

-- Lets parked deliveries go, the oldest first.
local function release(lane, most)
  local count = math.min(room(lane), most)
  if count < 1 then return end
  local popped = redis.call('ZPOPMIN', parked_key(lane), count)
  for i = 1, #popped, 2 do
    redis.call('ZADD', due, now, popped[i])
    let_go(popped[i])
  end
end

-- When there may be something to do for the lane: a lease runs out, or the circuit is to be tried. With neither, parked deliveries are
-- looked at every two seconds, in case what was let go before them never came.
local function watch(lane)
  local at
  if redis.call('EXISTS', parked_key(lane)) == 1 then
    local open_until = tonumber(redis.call('HGET', lane_key(lane), 'open_until') or '0')
    at = open_until > now and open_until or now + 2000
  end
  local lease = tonumber(redis.call('ZRANGE', inflight_key(lane), 0, 0, 'WITHSCORES')[2])
  if lease and (not at or lease < at) then at = lease end
  if at then redis.call('ZADD', lanes, at, lane) else redis.call('ZREM', lanes, lane) end
end
`;

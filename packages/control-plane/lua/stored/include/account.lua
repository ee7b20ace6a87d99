--- @include "include/time"
-- The account of the bytes that each tenant has in Redis.
--
-- The hash `keys.stored(tenant)` has `bytes`, their sum; `limit`, the limit of the tenant as the API last recorded it; and `due:<n>`, bytes of keys that expire,
-- which leave the sum when the n-th five minutes of the epoch begin. `unit` is the last of these that was subtracted.
-- The field `stored` of a record holds its charge, so that its removal subtracts exactly that.

local function charge(tenant, bytes)
  if bytes ~= 0 then redis.call('HINCRBY', keys.stored(tenant), 'bytes', whole(bytes)) end
end

-- The tenants whose expired bytes this operation has subtracted.
local settled = {}

-- Returns the bytes that the tenant has now.
local function charged(tenant)
  settled[tenant] = true
  local account, unit = keys.stored(tenant), math.floor(now / 300000)
  local f = redis.call('HMGET', account, 'bytes', 'unit')
  local bytes = tonumber(f[1] or '0')
  if f[2] == whole(unit) then return bytes end
  local all = redis.call('HGETALL', account)
  for i = 1, #all, 2 do
    local due = string.match(all[i], '^due:(%d+)$')
    if due and tonumber(due) <= unit then
      bytes = bytes - tonumber(all[i + 1])
      redis.call('HDEL', account, all[i])
    end
  end
  redis.call('HSET', account, 'bytes', whole(bytes), 'unit', whole(unit))
  return bytes
end

-- Returns when bytes that expire after the given ms leave the account. Rounds up, to five minutes, an hour or a day.
local function due_field(ttl)
  local step = ttl > 172800000 and 288 or ttl > 3600000 and 12 or 1
  return 'due:' .. whole(math.ceil((now + ttl) / 300000 / step) * step)
end

local function settle(tenant)
  if not settled[tenant] then charged(tenant) end
end

-- Subtracts charged bytes from the account after the given ms.
local function uncharge_later(tenant, bytes, ttl)
  settle(tenant)
  redis.call('HINCRBY', keys.stored(tenant), due_field(ttl), whole(bytes))
end

-- Charges for a key that expires. Its hash holds the charge, and a second call replaces it.
local function charge_expiring(tenant, key, bytes, ttl)
  settle(tenant)
  local account, f = keys.stored(tenant), redis.call('HMGET', key, 'stored', 'stored_due')
  if f[2] then
    redis.call('HINCRBY', account, 'bytes', '-' .. f[1])
    if redis.call('HINCRBY', account, f[2], '-' .. f[1]) == 0 then redis.call('HDEL', account, f[2]) end
  end
  local due = due_field(ttl)
  redis.call('HINCRBY', account, 'bytes', whole(bytes))
  redis.call('HINCRBY', account, due, whole(bytes))
  redis.call('HSET', key, 'stored', whole(bytes), 'stored_due', due)
end

-- Records the limit of the tenant; nil for a tenant without a limit of its own.
local function note_limit(tenant, limit)
  if limit then redis.call('HSET', keys.stored(tenant), 'limit', limit) else redis.call('HDEL', keys.stored(tenant), 'limit') end
end

-- Returns whether the account plus these bytes stays within the limit of the tenant, times a factor. The writes of jobs that were already accepted may exceed the
-- limit by a quarter.
local function has_room(tenant, bytes, factor)
  -- No job of the tenant has recorded a limit yet.
  local limit = redis.call('HGET', keys.stored(tenant), 'limit') or redis.call('HGET', keys.tenant(tenant), 'stored_bytes')
    or redis.call('GET', keys.tenantStoredBytes)
  return not limit or charged(tenant) + bytes <= tonumber(limit) * factor
end

-- Adds bytes to the charge of a record.
local function grow(key, tenant, bytes)
  redis.call('HINCRBY', key, 'stored', whole(bytes))
  charge(tenant, bytes)
end

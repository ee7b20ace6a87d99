--- @include "stored/include/account"
-- Values that several records of a tenant refer to, each stored once by its hash with the number of those records.
-- A record lists them in its field `shared`, as `name=hash` separated by spaces. A value is removed with the last record that lists it.

-- Returns the bytes that a value is charged for. An allocator may round a large text up by a quarter.
local function value_bytes(length) return math.ceil(length * 1.25) + 200 end

local function put_shared(tenant, hash, value)
  local key = keys.sharedValue(tenant, hash)
  if redis.call('EXISTS', key) == 1 then return end
  redis.call('HSET', key, 'value', value, 'count', 0)
  charge(tenant, value_bytes(#value))
end

local function hold_shared(tenant, list)
  for hash in string.gmatch(list or '', '=(%S+)') do redis.call('HINCRBY', keys.sharedValue(tenant, hash), 'count', 1) end
end

local function drop_shared(tenant, list)
  for hash in string.gmatch(list or '', '=(%S+)') do
    local key = keys.sharedValue(tenant, hash)
    if redis.call('EXISTS', key) == 1 and redis.call('HINCRBY', key, 'count', -1) < 1 then
      charge(tenant, -value_bytes(redis.call('HSTRLEN', key, 'value')))
      redis.call('DEL', key)
    end
  end
end

-- Returns the values that a record lists: hash, value, …
local function values_of(tenant, list)
  local values = {}
  for hash in string.gmatch(list or '', '=(%S+)') do
    values[#values + 1] = hash
    values[#values + 1] = redis.call('HGET', keys.sharedValue(tenant, hash), 'value') or ''
  end
  return values
end

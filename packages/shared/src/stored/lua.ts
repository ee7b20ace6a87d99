import { schemaVersions } from '../records/index.js';

/**
 * The account of the bytes that each tenant has in Redis, for scripts that have `base` (what every key starts with) and `now` (Redis' time in ms).
 *
 * The hash `stored:<tenant>` has `bytes`, their sum; `limit`, what the tenant may have, as the API noted it last; and `due:<n>`, bytes of keys
 * that expire by themselves, which leave the sum when the n-th five minutes of the epoch begin. `unit` says how far that was done.
 *
 * A record notes in its field `stored` what it was charged for, so that its removal gives back exactly that.
 *
 * `shared:<tenant>:<hash>` holds a value that several records refer to, with the number of those. A record lists them in its field `shared`, as
 * `name=hash` apart by spaces. The last record that lets go of a value removes it.
 */
export const storedLua = `
local function account_of(tenant) return base .. 'stored:' .. tenant end
local function shared_key(tenant, hash) return base .. 'shared:' .. tenant .. ':' .. hash end
local function whole(number) return string.format('%.0f', number) end

local function charge(tenant, bytes)
  if bytes ~= 0 then redis.call('HINCRBY', account_of(tenant), 'bytes', whole(bytes)) end
end

-- Bytes that the tenant has now.
local function charged(tenant)
  local account, unit = account_of(tenant), math.floor(now / 300000)
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

-- Charged bytes leave the account after the given ms.
local function release_later(tenant, bytes, ttl)
  charged(tenant)
  redis.call('HINCRBY', account_of(tenant), due_field(ttl), whole(bytes))
end

-- Charges for a key that expires, whose hash holds what was charged for it before. Called again it replaces that charge.
local function charge_expiring(tenant, key, bytes, ttl)
  charged(tenant)
  local account, f = account_of(tenant), redis.call('HMGET', key, 'stored', 'stored_due')
  if f[2] then
    redis.call('HINCRBY', account, 'bytes', '-' .. f[1])
    if redis.call('HINCRBY', account, f[2], '-' .. f[1]) == 0 then redis.call('HDEL', account, f[2]) end
  end
  local due = due_field(ttl)
  redis.call('HINCRBY', account, 'bytes', whole(bytes))
  redis.call('HINCRBY', account, due, whole(bytes))
  redis.call('HSET', key, 'stored', whole(bytes), 'stored_due', due)
end

local function note_limit(tenant, limit)
  if limit == '' then redis.call('HDEL', account_of(tenant), 'limit') else redis.call('HSET', account_of(tenant), 'limit', limit) end
end

-- Returns whether the account plus these bytes stays within the limit of the tenant, times a factor. What the tenant's accepted jobs still write may exceed it by a quarter.
local function has_room(tenant, bytes, factor)
  -- None of its jobs has noted a limit yet.
  local limit = redis.call('HGET', account_of(tenant), 'limit') or redis.call('HGET', base .. 'tenant:' .. tenant, 'stored_bytes')
    or redis.call('GET', base .. 'tenants:stored-bytes')
  return not limit or charged(tenant) + bytes <= tonumber(limit) * factor
end

-- Adds bytes to the charge of a record.
local function grow(key, tenant, bytes)
  redis.call('HINCRBY', key, 'stored', whole(bytes))
  charge(tenant, bytes)
end

-- An allocator may round a large text up by a quarter.
local function value_bytes(length) return math.ceil(length * 1.25) + 200 end

local function put_shared(tenant, hash, value)
  local key = shared_key(tenant, hash)
  if redis.call('EXISTS', key) == 1 then return end
  redis.call('HSET', key, 'value', value, 'count', 0)
  charge(tenant, value_bytes(#value))
end

local function hold_shared(tenant, list)
  for hash in string.gmatch(list or '', '=(%S+)') do redis.call('HINCRBY', shared_key(tenant, hash), 'count', 1) end
end

local function drop_shared(tenant, list)
  for hash in string.gmatch(list or '', '=(%S+)') do
    local key = shared_key(tenant, hash)
    if redis.call('EXISTS', key) == 1 and redis.call('HINCRBY', key, 'count', -1) < 1 then
      charge(tenant, -value_bytes(redis.call('HSTRLEN', key, 'value')))
      redis.call('DEL', key)
    end
  end
end

-- The values that a record lists: hash, value, …
local function values_of(tenant, list)
  local values = {}
  for hash in string.gmatch(list or '', '=(%S+)') do
    values[#values + 1] = hash
    values[#values + 1] = redis.call('HGET', shared_key(tenant, hash), 'value') or ''
  end
  return values
end

-- Sets fields of a record of a function: its texts may have other lengths now, and it may refer to other values.
local function set_function(tenant, name, ...)
  local key = base .. 'function:' .. tenant .. '/' .. name
  local before = redis.call('HMGET', key, 'stored', 'shared', 'built_shared')
  redis.call('HSET', key, ...)
  local after = redis.call('HMGET', key, 'shared', 'built_shared')
  hold_shared(tenant, after[1])
  hold_shared(tenant, after[2])
  drop_shared(tenant, before[2])
  drop_shared(tenant, before[3])
  -- Older versions read records that list no values.
  local lists = (after[1] or '') .. (after[2] or '')
  redis.call('HSET', key, 'schema', lists == '' and 1 or ${schemaVersions.function})
  local bytes = 700 + 2 * #name
  for _, field in ipairs({ 'spec', 'shared', 'built_spec', 'built_shared', 'built_result', 'built_base_images' }) do
    bytes = bytes + redis.call('HSTRLEN', key, field)
  end
  grow(key, tenant, bytes - tonumber(before[1] or '0'))
end

local function remove_function(tenant, name)
  local key = base .. 'function:' .. tenant .. '/' .. name
  local f = redis.call('HMGET', key, 'stored', 'shared', 'built_shared')
  drop_shared(tenant, f[2])
  drop_shared(tenant, f[3])
  charge(tenant, -tonumber(f[1] or '0'))
  redis.call('ZREM', base .. 'functions:' .. tenant, name)
  return redis.call('DEL', key)
end
`;

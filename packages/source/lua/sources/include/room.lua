--- @include "include/time"
-- Bytes of a tenant that are reserved for arriving sources. A reservation is `<bytes> <until> <state>` under an increasing number.
-- Its state is `arriving` or `admitted`. It expires with its lease.

-- Returns the bytes of other reservations by state, and the number of the oldest arriving one. Removes expired reservations.
local function other_reservations(tenant, id)
  local all = redis.call('HGETALL', keys.sourcesReserved(tenant))
  local arriving, admitted, oldest = 0, 0, nil
  for i = 1, #all, 2 do
    local bytes, ends, state = string.match(all[i + 1], '^(%d+) (%d+) (%a+)$')
    if bytes and tonumber(ends) < now then
      redis.call('HDEL', keys.sourcesReserved(tenant), all[i])
    elseif bytes and all[i] ~= id then
      if state == 'admitted' then
        admitted = admitted + tonumber(bytes)
      else
        arriving = arriving + tonumber(bytes)
        if not oldest or tonumber(all[i]) < oldest then oldest = tonumber(all[i]) end
      end
    end
  end
  return arriving, admitted, oldest
end

local function new_reservation(tenant) return whole(redis.call('HINCRBY', keys.sourcesReserved(tenant), 'last', 1)) end

local function used_bytes(tenant) return tonumber(redis.call('GET', keys.sourceBytes(tenant)) or '0') end

local function reserve(tenant, id, bytes, state, lease_ms)
  redis.call('HSET', keys.sourcesReserved(tenant), id, bytes .. ' ' .. whole(now + lease_ms) .. ' ' .. state)
  redis.call('PEXPIRE', keys.sourcesReserved(tenant), lease_ms * 2)
end

--- @include "include/time"
--- @include "events/include/append"
-- The processes behind the address of a replica. A builder of Slipway reports an instance, which is new at each start of its process.

-- Instances that are kept for each address. A load balancer answers with several.
local kept_instances = 8

-- Gives a record an end that no announcement has given it.
local function expire_unless_announced(key)
  if redis.call('PTTL', key) < 0 then redis.call('PEXPIRE', key, 600000) end
end

-- Notes the process that answered. Returns true if it is new at this address, and another one was there before.
local function is_new_process(key, instance)
  local known = redis.call('HGET', key, 'instances') or ''
  local kept, count = instance, 1
  for each in string.gmatch(known, '[^,]+') do
    if each == instance then return false end
    if count < kept_instances then kept, count = kept .. ',' .. each, count + 1 end
  end
  redis.call('HSET', key, 'instances', kept)
  return known ~= ''
end

-- Removes what belongs to the process before. An address from DNS may be another replica's now, so it keeps nothing. A configured address, and a pod, keep the drain
-- of the operator, the limit and the counts: these belong to the place. Their circuit allows a probe at once.
local function forget_process(key, url)
  local f = redis.call('HMGET', key, 'kind', 'open_until')
  local is_open = tonumber(f[2] or '0') > 0
  redis.call('HDEL', key, 'failures', 'opens', 'busy_streak', 'hold', 'hold_until', 'cut_to', 'readiness', 'readiness_reason', 'readiness_until')
  if f[1] ~= 'dns' then
    if is_open then redis.call('HSET', key, 'open_until', now) end
    return
  end
  redis.call('HDEL', key, 'learned', 'proven', 'draining', 'open_until', 'public_key', 'builds', 'refusals', 'faults')
  if is_open then append_event({ 'type', 'builder.circuit_closed', 'replica', url, 'at', whole(now) }, { keys.builderChannel }) end
end

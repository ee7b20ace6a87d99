-- The home of a function: the replica that built it last, and has its layers. An address from DNS may be another replica's later, so its home also names the process
-- that answered there (lua/replicas/include/process.lua).

local function process_at(replica)
  local kind, instances = unpack(redis.call('HMGET', keys.replica(replica), 'kind', 'instances'))
  return kind == 'dns' and instances and string.match(instances, '[^,]+') or nil
end

local function home_of(expected)
  local home = redis.call('HGET', keys.homeReplicas, expected)
  local replica, process = string.match(home or '', '^(%S+) (%S+)$')
  if not replica then return home end
  return process_at(replica) == process and replica or false
end

local function set_home(expected, replica)
  local process = process_at(replica)
  redis.call('HSET', keys.homeReplicas, expected, process and replica .. ' ' .. process or replica)
end

--- @include "jobs/include/registry-of"
-- Reads what a pool runs, and what waits for it and may run. Writes nothing.
-- Arguments: pool, the beginning of the keys of its queue, limit of jobs that are read of each kind.
-- Returns {running jobs, jobs in the queue, mean build ms of the pool or '', running builds read, jobs of the queue read, …four lists}:
-- the running builds that were read: expected ms or '', ms since the start, …
-- those jobs of the queue that may run: tenant, expected ms or '', …
-- the same for jobs beside the queue: a worker holds them without a slot, or put them back a moment ago
-- tenants with a limit of running jobs: name, jobs that may start now, …
--
-- A job may not run when it is parked, waits for its next attempt, or pushes to an image that another job pushes to or to a registry whose circuit is open. None may run
-- while jobs are held. Of jobs for one image only one may run, and one may probe a registry. A job that joins parts needs no slot.
local running_index = keys.index('pool:' .. args.pool .. ':running')
local running_total, queue_total = redis.call('ZCARD', running_index), 0
local running, queued, beside, rooms, images, tenants = {}, {}, {}, {}, {}, {}
local running_read, queue_read = 0, 0

-- Returns members of a sorted set, evenly spread over it when it has more than the limit.
local function sample(key, total)
  if total <= args.limit then return redis.call('ZRANGE', key, 0, -1) end
  local list = {}
  for at = 0, args.limit - 1 do
    local rank = whole(math.floor(at * total / args.limit))
    list[#list + 1] = redis.call('ZRANGE', key, rank, rank)[1]
  end
  return list
end

local function expected_of(name) return name and redis.call('ZSCORE', keys.durations, name) or '' end

for _, id in ipairs(sample(running_index, running_total)) do
  running_read = running_read + 1
  local f = redis.call('HMGET', keys.job(id), 'parts', 'attempt_at', 'expected')
  if not f[1] then
    running[#running + 1] = expected_of(f[3])
    running[#running + 1] = whole(math.max(0, now - tonumber(f[2] or now)))
  end
end

-- The number of jobs that may still push to a registry.
local may_push = {}

local function pushes_of(host)
  if may_push[host] == nil then
    local f = redis.call('HMGET', keys.registry(host), 'open_until', 'probe', 'probe_until')
    local probes = f[2] and tonumber(f[3] or '0') > now and get(job_of(f[2]), 'state') == 'running'
    may_push[host] = f[1] and ((tonumber(f[1]) > now or probes) and 0 or 1) or math.huge
  end
  return may_push[host]
end

-- Returns whether the circuits of all its registries let the job run.
local function takes_registries(job)
  local registries = registries_of(job)
  for _, registry in ipairs(registries) do
    if pushes_of(registry.host) < 1 then return false end
  end
  for _, registry in ipairs(registries) do may_push[registry.host] = may_push[registry.host] - 1 end
  return true
end

local function note_room(tenant)
  if tenants[tenant] then return end
  tenants[tenant] = true
  local most = redis.call('HGET', keys.tenant(tenant), 'running_jobs')
  if not most then return end
  rooms[#rooms + 1] = tenant
  rooms[#rooms + 1] = whole(math.max(0, tonumber(most) - redis.call('ZCARD', keys.index('tenant:' .. tenant .. ':running'))))
end

local function note(list, id)
  local f = redis.call('HMGET', keys.job(id), 'state', 'parked', 'retry_at', 'parts', 'tenant', 'expected', 'pushes_to')
  local image = f[7]
  if f[1] ~= 'queued' or f[2] or f[4] or tonumber(f[3] or '0') > now or (image and images[image]) then return end
  local holder = image and redis.call('GET', keys.imageRunning(image))
  if holder and holder ~= id then return end
  if not takes_registries(job_of(id)) then return end
  if image then images[image] = true end
  list[#list + 1] = f[5]
  list[#list + 1] = expected_of(f[6])
  note_room(f[5])
end

if redis.call('EXISTS', keys.hold) == 0 then
  local waiting = args.queue .. 'prioritized'
  queue_total = redis.call('ZCARD', waiting)
  for _, id in ipairs(sample(waiting, queue_total)) do
    queue_read = queue_read + 1
    note(queued, id)
  end
  for _, list in ipairs({ 'active', 'wait' }) do
    for _, id in ipairs(redis.call('LRANGE', args.queue .. list, 0, args.limit - 1)) do note(beside, id) end
  end
  for _, id in ipairs(redis.call('ZRANGE', args.queue .. 'delayed', 0, args.limit - 1)) do note(beside, id) end
end
local mean = redis.call('HGET', keys.stats, 'build_ms:' .. args.pool) or ''
return { running_total, queue_total, mean, running_read, queue_read, running, queued, beside, rooms }

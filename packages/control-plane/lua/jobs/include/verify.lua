--- @include "jobs/include/places"
--- @include "jobs/include/registry-of"
-- Checks that a transition makes before its first write. Redis does not roll back a script that fails: a key of a wrong type, or a field that is not a number, would
-- leave half of a change. These checks find both before anything is written.

local function expect(kind, ...)
  for _, key in ipairs({ ... }) do
    local found = redis.call('TYPE', key).ok
    if found ~= 'none' and found ~= kind then error(key .. ' is a ' .. found .. ', not a ' .. kind .. '; nothing was written') end
  end
end

-- Checks many sorted sets at once: Redis looks at the type of each key before it intersects any. The first key never exists, so the intersection costs nothing. A set
-- without scores passes, and nothing writes one under these names.
local function expect_zsets(list)
  if #list == 0 then return end
  local found = redis.pcall('ZINTER', #list + 1, keys.writeProbe(''), unpack(list))
  if found.err then expect('zset', unpack(list)) end
end

-- The pools, tenants, batches and indexes whose keys this operation has checked.
local checked = {}

-- Checks the keys that any change of a job writes besides its record, and other sorted sets. The strings among these keys need no check: Redis overwrites any type.
local function verify_shared(tenant, pool, image_in_tenant, func, batch, zsets)
  expect('hash', keys.buildInProgress(image_in_tenant), keys.built(image_in_tenant))
  if func then expect('hash', keys.functionRecord(tenant, func)) end
  local same = pool .. ' ' .. tenant .. ' ' .. (batch or '')
  if not checked[same] then
    checked[same] = true
    expect('stream', keys.events)
    expect('hash', keys.stored(tenant), fairness_of(pool), keys.stats, keys.basesSeen(tenant), keys.homeReplicas)
    for _, key in ipairs({ keys.undispatched, keys.durations, keys.learned(tenant), keys.tenantsWithParkedJobs, keys.tenantParked(tenant), pool_index(pool, 'queued'),
      pool_index(pool, 'running'), tenant_index(tenant, 'queued'), tenant_index(tenant, 'running') }) do
      zsets[#zsets + 1] = key
    end
    for _, state in ipairs({ 'queued', 'running', 'succeeded', 'failed', 'canceled' }) do zsets[#zsets + 1] = keys.index('state:' .. state) end
    if batch then
      expect('hash', keys.batch(batch))
      expect('stream', keys.batchEvents(batch))
      for _, key in ipairs({ keys.batchParked(batch), keys.openBatches, keys.stoppingBatches, keys.index('batch:' .. batch) }) do zsets[#zsets + 1] = key end
    end
  end
  expect_zsets(zsets)
end

-- Checks what the creation of a job writes.
local function verify_new(a)
  local image_in_tenant = a.tenant .. '/' .. (a.references[1] or '')
  local zsets = {}
  local function check_once(key)
    if not checked[key] then zsets[#zsets + 1] = key end
    checked[key] = true
  end
  check_once(keys.sourcesUsed)
  check_once(keys.functions(a.tenant))
  for _, index in ipairs(a.indexes) do check_once(keys.index(index)) end
  verify_shared(a.tenant, a.pool, image_in_tenant, a.func, a.batch, zsets)
  local in_progress = redis.call('HGET', keys.buildInProgress(image_in_tenant), 'job')
  if in_progress then
    expect('hash', keys.job(in_progress))
    expect('set', keys.identicalJobs(in_progress))
  end
end

local numbers = { 'queued_at', 'tag', 'priority', 'band', 'lost', 'spent', 'version', 'attempt' }

-- Checks what any change of the job writes.
local function verify(job)
  for at, value in ipairs(redis.call('HMGET', job.key, unpack(numbers))) do
    if not tonumber(value or nil) then error('the field ' .. numbers[at] .. ' of ' .. job.key .. ' is not a number; nothing was written') end
  end
  local tenant = get(job, 'tenant')
  if not tenant or not get(job, 'expected') then error(job.key .. ' has no field tenant or expected; nothing was written') end
  local places = places_of(job)
  local zsets = { keys.registries, keys.deaths('worker'), keys.deaths('replica'), keys.aboard(places.worker), keys.aboard(places.replica) }
  for _, registry in ipairs(registries_of(job)) do
    expect('hash', keys.registry(registry.host))
    zsets[#zsets + 1] = keys.registryParked(registry.host)
  end
  verify_shared(tenant, pool_of(job), get(job, 'flight') or '', get(job, 'function'), get(job, 'batch'), zsets)
  expect('stream', keys.log(job.id))
  local parent = get(job, 'part_of')
  if parent then expect('hash', keys.job(parent)) end
  local identical = keys.identicalJobs(job.id)
  expect('set', identical)
  for _, other in ipairs(redis.call('SMEMBERS', identical)) do expect('hash', keys.job(other)) end
end

-- Checks what the death of a place where the job runs writes besides.
local function verify_death(place) expect('hash', keys.death(place)) end

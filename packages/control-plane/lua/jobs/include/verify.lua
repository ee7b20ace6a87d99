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

-- Checks the keys that any change of a job writes besides its record.
local function verify_shared(tenant, pool, image_in_tenant, func, references, batch)
  expect('stream', keys.events)
  expect('hash', keys.stored(tenant), fairness_of(pool), keys.stats, keys.homeReplicas, keys.buildInProgress(image_in_tenant), keys.built(image_in_tenant))
  expect('zset', keys.undispatched, keys.durations, keys.learned(tenant), keys.tenantsWithParkedJobs, keys.tenantParked(tenant), pool_index(pool, 'queued'),
    pool_index(pool, 'running'), tenant_index(tenant, 'queued'), tenant_index(tenant, 'running'))
  for _, state in ipairs({ 'queued', 'running', 'succeeded', 'failed', 'canceled' }) do expect('zset', keys.index('state:' .. state)) end
  if func then expect('hash', keys.functionRecord(tenant, func)) end
  expect('string', unpack(running_keys(references)))
  expect('string', unpack(newest_keys(references)))
  if batch then
    expect('hash', keys.batch(batch))
    expect('stream', keys.batchEvents(batch))
    expect('zset', keys.batchParked(batch), keys.openBatches, keys.stoppingBatches, keys.index('batch:' .. batch))
  end
end

-- Checks what the creation of a job writes.
local function verify_new(a)
  local image_in_tenant = a.tenant .. '/' .. (a.references[1] or '')
  verify_shared(a.tenant, a.pool, image_in_tenant, a.func, a.references, a.batch)
  expect('zset', keys.sourcesUsed, keys.functions(a.tenant))
  for _, index in ipairs(a.indexes) do expect('zset', keys.index(index)) end
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
  local f = redis.call('HMGET', job.key, 'tenant', 'function', 'part_of', 'expected')
  local tenant, func, parent = f[1], f[2], f[3]
  if not tenant or not f[4] then error(job.key .. ' has no field tenant or expected; nothing was written') end
  local batch, references = get(job, 'batch'), references_of(job)
  verify_shared(tenant, pool_of(job), get(job, 'flight') or '', func, references, batch)
  expect('stream', keys.log(job.id))
  for _, registry in ipairs(registries_of(job)) do
    expect('hash', keys.registry(registry.host))
    expect('zset', keys.registries, keys.registryParked(registry.host))
  end
  local places = places_of(job)
  expect('zset', keys.deaths('worker'), keys.deaths('replica'), keys.aboard(places.worker), keys.aboard(places.replica))
  expect('hash', keys.death(places.worker), keys.death(places.replica))
  if parent then expect('hash', keys.job(parent)) end
  local identical = keys.identicalJobs(job.id)
  expect('set', identical)
  for _, other in ipairs(redis.call('SMEMBERS', identical)) do expect('hash', keys.job(other)) end
end

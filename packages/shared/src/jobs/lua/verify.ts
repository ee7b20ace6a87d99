/**
 * What a transition checks before its first write. A script that fails keeps what it has written: a key of a wrong type, or a field that is no
 * number, would leave half of a change. This finds them while nothing is written.
 */
export const verify = `
local function expect(kind, ...)
  for _, key in ipairs({ ... }) do
    local found = redis.call('TYPE', key).ok
    if found ~= 'none' and found ~= kind then error(key .. ' is a ' .. found .. ', not a ' .. kind .. '; nothing was written') end
  end
end

-- What a change of any job writes besides its record.
local function verify_shared(tenant, pool, flight, func, references, batch)
  expect('stream', events)
  expect('hash', account_of(tenant), fairness_of(pool), base .. 'stats', base .. 'homes', base .. 'flight:' .. flight, base .. 'built:' .. flight)
  expect('zset', undispatched, base .. 'durations', base .. 'learned:' .. tenant, base .. 'tenants:parked', tenant_parked(tenant), pool_index(pool, 'queued'),
    pool_index(pool, 'running'), tenant_index(tenant, 'queued'), tenant_index(tenant, 'running'))
  for _, state in ipairs({ 'queued', 'running', 'succeeded', 'failed', 'canceled' }) do expect('zset', base .. 'index:state:' .. state) end
  if func then expect('hash', base .. 'function:' .. tenant .. '/' .. func) end
  expect('string', unpack(image_keys(references, 'running')))
  expect('string', unpack(image_keys(references, 'newest')))
  if batch then
    expect('hash', base .. 'batch:' .. batch)
    expect('stream', base .. 'batch:events:' .. batch)
    expect('zset', base .. 'batch:parked:' .. batch, base .. 'batches:open', base .. 'batches:stopping', base .. 'index:batch:' .. batch)
  end
end

-- Before a job is created. Values that are '' are not there.
local function verify_new(a)
  local function given(text) return text ~= '' and text end
  local references = words_of(a.references)
  local flight = a.tenant .. '/' .. (references[1] or '')
  verify_shared(a.tenant, a.pool, flight, given(a.func), references, given(a.batch))
  expect('zset', base .. 'sources:used', base .. 'functions:' .. a.tenant)
  for _, index in ipairs(a.indexes) do expect('zset', base .. 'index:' .. index) end
  local flying = redis.call('HGET', base .. 'flight:' .. flight, 'job')
  if flying then
    expect('hash', base .. 'job:' .. flying)
    expect('set', base .. 'sharers:' .. flying)
  end
end

local numbers = { 'queued_at', 'tag', 'priority', 'band', 'lost', 'spent', 'version', 'attempt' }

verify = function(job)
  for at, value in ipairs(redis.call('HMGET', job.key, unpack(numbers))) do
    if not tonumber(value or nil) then error('the field ' .. numbers[at] .. ' of ' .. job.key .. ' is no number; nothing was written') end
  end
  local f = redis.call('HMGET', job.key, 'tenant', 'function', 'part_of', 'expected')
  local tenant, func, whole = f[1], f[2], f[3]
  if not tenant or not f[4] then error(job.key .. ' names no tenant or nothing it builds like; nothing was written') end
  local batch = get(job, 'batch')
  local references = references_of(job)
  verify_shared(tenant, pool_of(job), get(job, 'flight') or '', func, references, batch)
  expect('stream', base .. 'log:' .. job.id)
  for _, registry in ipairs(registries_of(job)) do
    expect('hash', circuit_key(registry.host))
    expect('zset', registries, registry_parked(registry.host))
  end
  local places = places_of(job)
  expect('zset', base .. 'deaths:worker', base .. 'deaths:replica', aboard_key(places.worker), aboard_key(places.replica))
  if op == 'start' then expect('zset', aboard_key(ARGV[5]), aboard_key(ARGV[6])) end
  expect('hash', base .. 'death:' .. places.worker, base .. 'death:' .. places.replica)
  if whole then expect('hash', base .. 'job:' .. whole) end
  local sharers = base .. 'sharers:' .. job.id
  expect('set', sharers)
  for _, sharer in ipairs(redis.call('SMEMBERS', sharers)) do expect('hash', base .. 'job:' .. sharer) end
end
`;

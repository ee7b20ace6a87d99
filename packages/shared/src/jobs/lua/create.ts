import { schemaVersions } from '../../records/index.js';

/**
 * create: 4 spec, 5 sealed callback secret or '', 6 tenant, 7 weight, 8 band of the priority class (0 to 2), 9 whose
 * build times to expect, 10 the references it pushes to, apart by spaces (see `referencesOf`), or '', 11 what is built (a digest of all that goes into it),
 * 12 `skip` (not built when the image has been built from the same), `share` (not while the same is being built) or `force`,
 * 13 its batch or '', 14 the function it builds or '', 15 the digests of the sources
 * it is built from, apart by spaces, 16 its pool, 17 what it is built in parts of
 * (see prelude.ts), as JSON, or '', 18 the trace it belongs to or '', 19 the plan of its parts or '', 20 the values that it lists (see stored/lua.ts),
 * 21 bytes that its record takes, 22 what its tenant may have or '', 23 how many values follow, each as hash and text, then indexes.
 *
 * Gives the job its place among those that wait for its pool, by start-time fair queueing: a tenant's tags are 1/weight apart and
 * begin at the virtual time, which is the tag of the job that last started. Within the span that a tenant's waiting
 * jobs cover, a job stands by the share of known build times that are longer than its own, so that the longest go
 * first and no other tenant waits longer for it. An unknown time counts as the median.
 * A build is skipped only while nothing else is, or has been, pushed to the image. A batch takes no more jobs once it was
 * committed or given up.
 * Returns {'ok', priority, whether it is to go to the queue, and its record with its values unless it is of a batch}; {'values_missing'} when values that
 * it lists are not stored and were not given, or {'full', bytes that the tenant has}. Lower is earlier. BullMQ takes priorities up to 2^21.
 */
export const createJob = `
-- Whether each reference holds what that job has pushed, and no job pushes something else there now. \`flying\` is the job that is in flight for the
-- image, and what it builds.
local function is_pushed(references, built_job, flying, build_key)
  if flying[2] and flying[2] ~= build_key then return false end
  local newest, running = redis.call('MGET', unpack(image_keys(references, 'newest'))), redis.call('MGET', unpack(image_keys(references, 'running')))
  for at in ipairs(references) do
    -- What is known of an image outlives what is known of its tags.
    if newest[at] ~= built_job and (newest[at] or at > 1) then return false end
    local is_flying = flying[1] and (at == 1 or running[at] == flying[1])
    if running[at] and not is_flying then return false end
  end
  return true
end

create_job = function(job, a)
  local tenant, weight, band, expected = a.tenant, a.weight, a.band, a.expected
  local references = words_of(a.pushes_to)
  local pushes_to, build_key, manner, batch, func, pool = references[1] or '', a.build_key, a.manner, a.batch, a.func, a.pool
  local fairness, durations = fairness_of(pool), base .. 'durations'
  if redis.call('ZCARD', pool_index(pool, 'queued')) + redis.call('ZCARD', pool_index(pool, 'running')) == 0 then
    redis.call('DEL', fairness)
  end
  local virtual = tonumber(redis.call('HGET', fairness, 'virtual:' .. band) or '0')
  local last = tonumber(redis.call('HGET', fairness, 'last:' .. band .. ':' .. tenant) or '0')
  local flight = tenant .. '/' .. pushes_to
  -- Older versions read records that list no values.
  redis.call('HSET', job.key, 'schema', a.shared == '' and 1 or ${schemaVersions.job}, 'spec', a.spec, 'tenant', tenant, 'pool', pool, 'band', band,
    'expected', expected, 'build_key', build_key, 'flight', flight, 'stored', whole(a.stored), 'created_at', clock(now), 'queued_at', clock(now),
    'attempt', 0, 'spent', 0, 'lost', 0)
  charge(tenant, a.stored)
  if a.shared ~= '' then
    redis.call('HSET', job.key, 'shared', a.shared)
    hold_shared(tenant, a.shared)
  end
  if a.secret ~= '' then redis.call('HSET', job.key, 'sealed_callback_secret', a.secret) end
  if a.parts ~= '' then redis.call('HSET', job.key, 'parts', a.parts, 'plan', a.plan, 'weight', weight, 'manner', manner) end
  if func ~= '' then redis.call('HSET', job.key, 'function', func) end
  -- A key of the spec itself: in no string of it stands a quotation mark without a backslash.
  if not string.find(a.spec, '"callback":{', 1, true) and not string.find(a.shared, 'callback=', 1, true) then redis.call('HSET', job.key, 'callback', 0) end
  if a.trace and a.trace ~= '' then redis.call('HSET', job.key, 'trace', a.trace) end
  if a.part_of then redis.call('HSET', job.key, 'part_of', a.part_of) end
  if pushes_to ~= '' then redis.call('HSET', job.key, 'pushes_to', pushes_to) end
  if #references > 1 then redis.call('HSET', job.key, 'references', table.concat(references, ' ', 2)) end
  for _, index in ipairs(a.indexes) do redis.call('ZADD', base .. 'index:' .. index, 0, job.id) end
  if batch ~= '' then
    redis.call('HSET', job.key, 'batch', batch)
    redis.call('ZADD', base .. 'index:batch:' .. batch, 0, job.id)
  end
  if func ~= '' then
    set_function(tenant, func, 'spec', a.spec, 'shared', a.shared, 'job', job.id, 'updated_at', clock(now))
    redis.call('ZADD', base .. 'functions:' .. tenant, 0, func)
  end

  if pushes_to ~= '' and manner == 'skip' then
    local built = redis.call('HMGET', base .. 'built:' .. flight, 'key', 'result', 'job', 'base_images')
    if built[1] == build_key and is_pushed(references, built[3], redis.call('HMGET', base .. 'flight:' .. flight, 'job', 'key'), build_key) then
      if #references > 1 then
        -- An older job with one of the tags that still waits is not to push after this.
        for _, key in ipairs(image_keys(references, 'newest')) do redis.call('SET', key, job.id, 'EX', 2592000) end
        redis.call('HSET', base .. 'built:' .. flight, 'job', job.id)
      end
      redis.call('HSET', job.key, 'priority', 1, 'tag', 0, 'result', built[2], 'finished_at', clock(now))
      grow(job.key, tenant, #built[2])
      remember_function(job, built[2], built[4])
      change(job, false, 'succeeded', 'job.succeeded')
      part_ended(job, 'succeeded')
      return { 'ok', 1, 0 }
    end
  end
  last = math.max(virtual, last) + 1 / weight
  redis.call('HSET', fairness, 'last:' .. band .. ':' .. tenant, last)
  local known, share = redis.call('ZCARD', durations), 1
  if known > 0 then
    local ms = redis.call('ZSCORE', durations, expected)
    share = ms and redis.call('ZCOUNT', durations, '(' .. ms, '+inf') / known or 0.5
  end
  local tag = virtual + share * (last - virtual)
  local priority = 1 + band * 699050 + math.min(699049, math.floor(tag * 4))
  redis.call('HSET', job.key, 'tag', tag, 'priority', priority)
  if pushes_to ~= '' and manner ~= 'force' then
    local flying = redis.call('HMGET', base .. 'flight:' .. flight, 'job', 'key')
    if flying[2] == build_key and not get(job_of(flying[1]), 'cancel_requested') then
      redis.call('HSET', job.key, 'parked', 'shared', 'shares', flying[1])
      redis.call('SADD', base .. 'sharers:' .. flying[1], job.id)
      change(job, false, 'queued', 'job.queued')
      return { 'ok', priority, 0 }
    end
  end
  if pushes_to ~= '' then redis.call('HSET', base .. 'flight:' .. flight, 'job', job.id, 'key', build_key) end
  if batch ~= '' then
    redis.call('HSET', job.key, 'parked', 'batch')
    redis.call('ZADD', base .. 'batch:parked:' .. batch, priority, job.id)
  elseif a.parts == '' then
    redis.call('ZADD', undispatched, now, job.id)
  end
  change(job, false, 'queued', 'job.queued')
  if batch == '' and a.parts ~= '' then release(job) end
  return { 'ok', priority, (batch == '' and a.parts == '') and 1 or 0 }
end
`;

export const create = `
if op == 'create' then
  if state then return { 'exists' } end
  if ARGV[13] ~= '' then
    local f = redis.call('HMGET', base .. 'batch:' .. ARGV[13], 'tenant', 'committed', 'stopped')
    if not f[1] or f[2] or f[3] then return { 'closed' } end
  end
  for digest in string.gmatch(ARGV[15], '%S+') do
    -- It was there when it was looked for, and nobody has referred to it since.
    if redis.call('ZSCORE', base .. 'sources:removing', digest) or redis.call('ZSCORE', base .. 'sources:removed', digest) then
      return { 'source_gone', digest }
    end
  end
  local tenant, stored, given, missing, added = ARGV[6], tonumber(ARGV[21]), {}, false, 0
  local last = 23 + 2 * tonumber(ARGV[23])
  for i = 24, last, 2 do given[ARGV[i]] = ARGV[i + 1] end
  for hash in string.gmatch(ARGV[20], '=(%S+)') do
    if redis.call('EXISTS', shared_key(tenant, hash)) == 0 then
      if given[hash] then added = added + value_bytes(#given[hash]) else missing = true end
    end
  end
  if missing then return { 'values_missing' } end
  local indexes = {}
  for i = last + 1, #ARGV do indexes[#indexes + 1] = ARGV[i] end
  verify_new({ tenant = tenant, pool = ARGV[16], func = ARGV[14], references = ARGV[10], batch = ARGV[13], indexes = indexes })
  note_limit(tenant, ARGV[22])
  -- A batch has reserved for all of its jobs.
  local reserved = ARGV[13] ~= '' and tonumber(redis.call('HGET', base .. 'batch:' .. ARGV[13], 'reserved') or '0') or 0
  local taken = math.min(reserved, stored + added)
  if not has_room(tenant, stored + added - taken, 1) then return { 'full', whole(charged(tenant)) } end
  if taken > 0 then
    redis.call('HINCRBY', base .. 'batch:' .. ARGV[13], 'reserved', whole(-taken))
    charge(tenant, -taken)
  end
  for hash, value in pairs(given) do
    if string.find(ARGV[20], hash, 1, true) then put_shared(tenant, hash, value) end
  end
  for digest in string.gmatch(ARGV[15], '%S+') do redis.call('ZADD', base .. 'sources:used', now, digest) end
  local reply = create_job(job, { spec = ARGV[4], secret = ARGV[5], tenant = ARGV[6], weight = tonumber(ARGV[7]), band = tonumber(ARGV[8]),
    expected = ARGV[9], pushes_to = ARGV[10], build_key = ARGV[11], manner = ARGV[12], batch = ARGV[13], func = ARGV[14],
    pool = ARGV[16], parts = ARGV[17], trace = ARGV[18], plan = ARGV[19],
    shared = ARGV[20], stored = stored, indexes = indexes })
  if ARGV[13] == '' then reply[4], reply[5] = redis.call('HGETALL', job.key), values_of(tenant, get(job, 'shared')) end
  return reply
end
`;

-- Creates a job, and gives it a priority in the queue of its pool by start-time fair queueing. A tenant's tags are 1/weight apart and begin at the virtual time, which
-- is the tag of the job that started last, or of the first ready job at that time. Within the span of a tenant's waiting jobs, the position of a job is the share of known build times that are longer than
-- its own: the longest builds go first, and no other tenant waits longer for them. An unknown time counts as the median.
-- A build is skipped only when no other job builds, or has built, another image under that reference.
-- A lower priority is earlier. BullMQ takes priorities up to 2^21.

-- Returns whether each reference still holds the image that `built_job` pushed, and no other job pushes there now. `in_progress` is the job that builds the image
-- now, and its build key.
local function is_pushed(references, built_job, in_progress, build_key)
  if in_progress[2] and in_progress[2] ~= build_key then return false end
  local newest, running = redis.call('MGET', unpack(newest_keys(references))), redis.call('MGET', unpack(running_keys(references)))
  for at in ipairs(references) do
    -- The record of an image lives longer than the records of its tags.
    if newest[at] ~= built_job and (newest[at] or at > 1) then return false end
    local is_in_progress = in_progress[1] and (at == 1 or running[at] == in_progress[1])
    if running[at] and not is_in_progress then return false end
  end
  return true
end

-- The tags that this operation has read or given, and the number of known build times.
local tags, known_durations = {}, nil

-- Returns the virtual time and the last tag of a tenant in a queue.
local function tags_of(pool, class, tenant)
  local fairness, name = fairness_of(pool), class .. ':' .. tenant
  local queue = tags[fairness]
  if not queue then
    -- An empty queue begins again. With jobs of this operation it is not empty.
    if redis.call('ZCARD', pool_index(pool, 'queued')) + redis.call('ZCARD', pool_index(pool, 'running')) == 0 then redis.call('DEL', fairness) end
    queue = {}
    tags[fairness] = queue
  end
  if not queue[name] then
    local f = redis.call('HMGET', fairness, 'virtual:' .. class, 'last:' .. name)
    queue[name] = { virtual = tonumber(f[1] or '0'), last = tonumber(f[2] or '0') }
  end
  return queue[name]
end

create_job = function(job, a)
  local tenant, weight, class, expected = a.tenant, a.weight, a.class, a.expected
  local references = a.references
  local pushes_to, build_key, reuse, batch, func, pool = references[1], a.build_key, a.reuse, a.batch, a.func, a.pool
  local image_in_tenant = tenant .. '/' .. (pushes_to or '')
  -- The record is written once. These fields never change.
  job.fixed = {
    -- Older versions read records that list no values.
    schema = a.shared == '' and '1' or tostring(constants.job_schema),
    tenant = tenant, pool = pool, band = whole(class), expected = expected, build_key = build_key, flight = image_in_tenant, ['function'] = func, part_of = a.part_of,
    parts = a.parts, pushes_to = pushes_to, references = #references > 1 and table.concat(references, ' ', 2) or nil, batch = batch,
    -- This matches only a key of the spec itself: inside strings JSON escapes quotation marks.
    callback = not string.find(a.spec, '"callback":{', 1, true) and not string.find(a.shared, 'callback=', 1, true) and '0' or nil,
  }
  local fields = { 'spec', a.spec, 'stored', whole(a.stored), 'created_at', whole(now), 'queued_at', whole(now), 'attempt', 0, 'spent', 0, 'lost', 0, 'version', 1 }
  local function set(field, value)
    if value then
      fields[#fields + 1] = field
      fields[#fields + 1] = value
    end
  end
  set('shared', a.shared ~= '' and a.shared)
  set('sealed_callback_secret', a.secret)
  set('plan', a.parts and a.plan)
  set('weight', a.parts and weight)
  set('manner', a.parts and reuse)
  set('trace', a.trace)
  local function write(state, tag, priority)
    job.fixed.tag = string.format('%.17g', tag)
    for field, value in pairs(job.fixed) do set(field, value) end
    set('state', state)
    set('priority', priority)
    redis.call('HSET', job.key, unpack(fields))
  end
  charge(tenant, a.stored - (a.taken or 0))
  hold_shared(tenant, a.shared)
  for _, index in ipairs(a.indexes) do add_to_index(keys.index(index), job.id) end
  if batch then add_to_index(keys.index('batch:' .. batch), job.id) end
  if func then
    set_function(tenant, func, { spec = a.spec, shared = a.shared, job = job.id, updated_at = whole(now) })
    redis.call('ZADD', keys.functions(tenant), 0, func)
  end

  if pushes_to and reuse == 'skip' then
    local built = redis.call('HMGET', keys.built(image_in_tenant), 'key', 'result', 'job', 'base_images', 'bases_hash', 'bases')
    if built[1] == build_key and is_pushed(references, built[3], redis.call('HMGET', keys.buildInProgress(image_in_tenant), 'job', 'key'), build_key) then
      if #references > 1 then
        -- An older job that still waits with one of the tags may not push after this one.
        for _, key in ipairs(newest_keys(references)) do redis.call('SET', key, job.id, 'EX', 2592000) end
        redis.call('HSET', keys.built(image_in_tenant), 'job', job.id)
      end
      set('result', built[2])
      set('finished_at', whole(now))
      write('succeeded', 0, 1)
      grow(job.key, tenant, #built[2])
      keep_bases(job, built[5], built[6])
      remember_function(job, built[2], built[4])
      publish(job, false, 'succeeded', 'job.succeeded', 1)
      return part_ended(job, 'succeeded')
    end
  end
  local mine, share = tags_of(pool, class, tenant), 1
  mine.last = math.max(mine.virtual, mine.last) + 1 / weight
  set_last_tag(fairness_of(pool), 'last:' .. class .. ':' .. tenant, mine.last)
  known_durations = known_durations or redis.call('ZCARD', keys.durations)
  if known_durations > 0 then
    local ms = redis.call('ZSCORE', keys.durations, expected)
    share = ms and redis.call('ZCOUNT', keys.durations, '(' .. ms, '+inf') / known_durations or 0.5
  end
  local tag = mine.virtual + share * (mine.last - mine.virtual)
  local priority = 1 + class * constants.band_priorities + math.min(constants.band_priorities - 1, math.floor(tag * 4))
  if pushes_to and reuse ~= 'force' then
    local in_progress = redis.call('HMGET', keys.buildInProgress(image_in_tenant), 'job', 'key')
    if in_progress[2] == build_key and not get(job_of(in_progress[1]), 'cancel_requested') then
      set('parked', waits_for.identical_job)
      set('shares', in_progress[1])
      write('queued', tag, priority)
      redis.call('SADD', keys.identicalJobs(in_progress[1]), job.id)
      return publish(job, false, 'queued', 'job.queued', 1)
    end
  end
  -- A job of a campaign becomes it when its wave begins.
  if pushes_to and not a.in_campaign then redis.call('HSET', keys.buildInProgress(image_in_tenant), 'job', job.id, 'key', build_key) end
  set('parked', batch and waits_for.batch)
  write('queued', tag, priority)
  if batch then
    redis.call('ZADD', keys.batchParked(batch), priority, job.id)
  elseif not a.parts then
    enqueue(job)
  end
  publish(job, false, 'queued', 'job.queued', 1)
  if not batch and a.parts then release(job) end
end

--- @include "stored/include/account"
--- @include "events/include/append"
-- A job, its indexes, its batch and its events.
--
-- A job is passed as `{ id, key }`. Some fields of its record have names of earlier versions: `band` is the priority class, `manner` is the reuse of an earlier build, and
-- `flight` is the tenant and image of the job.
--
-- Scripts never decode JSON: users can write any text, and an exception in the middle of a script leaves half of its writes.

local function job_of(job_id) return { id = job_id, key = keys.job(job_id) } end

-- Fields that the creation of a job sets, and nothing changes. They are read together, once for each table of a job.
local fixed_fields = { 'schema', 'tenant', 'pool', 'band', 'tag', 'expected', 'build_key', 'flight', 'function', 'callback', 'part_of', 'parts', 'pushes_to', 'references',
  'batch' }
local is_fixed = {}
for _, field in ipairs(fixed_fields) do is_fixed[field] = true end

local function get(job, field)
  if not is_fixed[field] then return redis.call('HGET', job.key, field) end
  if not job.fixed then
    local values, fixed = redis.call('HMGET', job.key, unpack(fixed_fields)), {}
    for at, name in ipairs(fixed_fields) do fixed[name] = values[at] end
    -- A job that does not exist yet is read again.
    if not fixed.tenant then return fixed[field] end
    job.fixed = fixed
  end
  return job.fixed[field]
end

-- Each pool has its own queue and its own fairness. Records of versions without pools name no pool.
local function pool_of(job) return get(job, 'pool') or 'default' end
local function pool_index(pool, state) return keys.index('pool:' .. pool .. ':' .. state) end
local function fairness_of(pool) return pool == 'default' and keys.fairness or keys.fairnessOfPool(pool) end
local function tenant_index(tenant, state) return keys.index('tenant:' .. tenant .. ':' .. state) end

-- Bytes of the events of one job in the stream of its batch.
local event_bytes = 400

local function batch_of(job)
  local batch = get(job, 'batch')
  return batch and { id = batch, key = keys.batch(batch), events = keys.batchEvents(batch), parked_jobs = keys.batchParked(batch) }
end

local function is_ended(state) return state == 'succeeded' or state == 'failed' or state == 'canceled' end

-- Ends the batch when it is committed and every job has ended.
local function end_batch_if_done(batch)
  local f = redis.call('HMGET', batch.key, 'total', 'succeeded', 'failed', 'canceled', 'committed', 'finished_at')
  if f[6] or not f[5] or f[2] + f[3] + f[4] < tonumber(f[1]) then return end
  redis.call('HSET', batch.key, 'finished_at', whole(now))
  -- The events of the batch live longer than the records of its jobs.
  local own = redis.call('HMGET', batch.key, 'tenant', 'stored')
  charge(own[1], -tonumber(own[2] or '0'))
  charge_expiring(own[1], batch.key, tonumber(own[2] or '0') + event_bytes * tonumber(f[1]), 2592000000)
  redis.call('ZREM', keys.stoppingBatches, batch.id)
  redis.call('ZREM', keys.openBatches, batch.id)
  redis.call('DEL', batch.parked_jobs)
  append_event({ 'type', 'batch.finished', 'batch', batch.id, 'at', whole(now), 'tenant', own[1] }, { keys.tenantChannel(own[1]), keys.recordChannel(batch.id) })
  redis.call('XADD', batch.events, '*', 'type', 'batch.finished', 'batch', batch.id, 'at', whole(now))
  for _, key in ipairs({ batch.key, batch.events, keys.index('batch:' .. batch.id) }) do
    redis.call('PEXPIRE', key, 2592000000)
  end
end

-- Stops the batch: none of its waiting jobs begins.
local function stop_batch(batch, why)
  redis.call('HSET', batch.key, 'stopped', why)
  redis.call('ZADD', keys.stoppingBatches, now, batch.id)
end

-- The writes that the creation of many jobs makes together, at its end: entries of indexes by index, how many jobs of their batch came to each state, and the last
-- tags by queue. Nil in other operations.
local collected

local function collect_writes() collected = { indexes = {}, states = {}, tags = {} } end

local function add_to_index(key, id)
  if not collected then return redis.call('ZADD', key, 0, id) end
  local entries = collected.indexes[key]
  if not entries then
    entries = {}
    collected.indexes[key] = entries
  end
  entries[#entries + 1] = 0
  entries[#entries + 1] = id
end

local function count_in_batch(key, state)
  if not collected then return redis.call('HINCRBY', key, state, 1) end
  collected.states[state] = (collected.states[state] or 0) + 1
end

local function set_last_tag(fairness, name, tag)
  if not collected then return redis.call('HSET', fairness, name, tag) end
  collected.tags[fairness] = collected.tags[fairness] or {}
  collected.tags[fairness][name] = tag
end

local function write_collected(batch_key)
  for fairness, last in pairs(collected.tags) do
    for name, tag in pairs(last) do redis.call('HSET', fairness, name, tag) end
  end
  for key, entries in pairs(collected.indexes) do redis.call('ZADD', key, unpack(entries)) end
  for state, count in pairs(collected.states) do redis.call('HINCRBY', batch_key, state, count) end
end

-- Moves the job between the indexes of its states, and publishes its change. `from` is false for a new job. The record has the state and the version.
local function publish(job, from, to, type, version)
  local tenant = get(job, 'tenant')
  local fields = { 'type', type, 'job', job.id, 'state', to, 'version', version, 'at', whole(now) }
  if from ~= to then
    if from then redis.call('ZREM', keys.index('state:' .. from), job.id) end
    add_to_index(keys.index('state:' .. to), job.id)
    local pool, parent, callback = pool_of(job), get(job, 'part_of'), get(job, 'callback')
    if from then redis.call('ZREM', pool_index(pool, from), job.id) end
    if from then redis.call('ZREM', tenant_index(tenant, from), job.id) end
    if to == 'queued' or to == 'running' then
      add_to_index(pool_index(pool, to), job.id)
      add_to_index(tenant_index(tenant, to), job.id)
    end
    if parent and redis.call('EXISTS', keys.job(parent)) == 1 then redis.call('HSET', keys.job(parent), 'part:' .. job.id, to) end
    if to ~= 'queued' and to ~= 'running' then
      fields[#fields + 1] = 'pool'
      fields[#fields + 1] = pool
      if callback == '0' then
        fields[#fields + 1] = 'callback'
        fields[#fields + 1] = '0'
      end
    end
  end
  local batch = batch_of(job)
  if batch then
    fields[#fields + 1] = 'batch'
    fields[#fields + 1] = batch.id
    if from ~= to then
      if from then redis.call('HINCRBY', batch.key, from, -1) end
      count_in_batch(batch.key, to)
    end
    redis.call('XADD', batch.events, 'MAXLEN', '~', 100000, '*', unpack(fields))
  end
  fields[#fields + 1] = 'tenant'
  fields[#fields + 1] = tenant
  local channels = { keys.tenantChannel(tenant) }
  -- No request knows a new job yet.
  if from then
    channels[2] = keys.recordChannel(job.id)
    if batch then channels[3] = keys.recordChannel(batch.id) end
  end
  append_event(fields, channels)
  if batch and is_ended(to) then end_batch_if_done(batch) end
end

local function change(job, from, to, type)
  local version = redis.call('HINCRBY', job.key, 'version', 1)
  redis.call('HSET', job.key, 'state', to)
  publish(job, from, to, type, version)
end

local function words_of(text)
  local list = {}
  for word in string.gmatch(text or '', '%S+') do list[#list + 1] = word end
  return list
end

-- Returns the references that the job pushes to: the image as it was written, then those of `references`. Records of versions without tags have only the image.
local function references_of(job)
  if not job.references then
    job.references = words_of(get(job, 'references'))
    local image = get(job, 'pushes_to')
    if image then table.insert(job.references, 1, image) end
  end
  return job.references
end

-- Returns for each reference the key that names the job which pushes to it now.
local function running_keys(references)
  local list = {}
  for at, reference in ipairs(references) do list[at] = keys.imageRunning(reference) end
  return list
end

-- Returns for each reference the key that names the newest job which has pushed to it.
local function newest_keys(references)
  local list = {}
  for at, reference in ipairs(references) do list[at] = keys.imageNewest(reference) end
  return list
end

-- Returns whether another running job pushes to a reference of the job, then a newer job that has pushed to one of them, and that reference. Two builds that push to
-- one reference never run at once, and no job pushes after a newer job has.
local function rivals_of(job)
  local references = references_of(job)
  if #references == 0 then return false end
  local wanted = running_keys(references)
  for _, key in ipairs(newest_keys(references)) do wanted[#wanted + 1] = key end
  local found, busy, newer, at_reference = redis.call('MGET', unpack(wanted)), false, nil, nil
  for at, reference in ipairs(references) do
    local holder, newest = found[at], found[#references + at]
    if holder and holder ~= job.id then busy = true end
    if newest and newest > job.id and not newer then newer, at_reference = newest, reference end
  end
  return busy, newer, at_reference
end

-- Returns the key that names the job which builds the image of this job now.
local function build_in_progress_key(job) return keys.buildInProgress(get(job, 'flight') or '') end

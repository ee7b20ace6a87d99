import { storedLua } from '../../stored/index.js';
import { blameLua } from './blame.js';
import { registryCircuits } from './registries.js';

/**
 * What all operations share: the arguments, the clock, and the steps that changes are made of.
 *
 * A job is passed around as `{ id, key }`. A job that is *parked* is queued and not for the queue yet: its batch is still being
 * written or has as many in the queue as it may (`batch`), an identical job is being built, whose end will be its own (`shared`),
 * the jobs that build parts of it have not all ended (`parts`), its tenant has as many running as it may (`tenant`), or its registry does not answer (`registry`).
 *
 * A job that no single pool builds has a `plan`, from which a job for each pool is made when it would go to the queue. The plan is a list (see
 * `strings_of`) with one list for each part: id, pool, spec, build key, expected, pushes_to, shared values, indexes …
 * When all of those have succeeded it goes there itself, to be joined. It ends when one of them ends otherwise, and they with it.
 *
 * Scripts never decode JSON: what users wrote can be any text, and an exception in the middle of a script leaves half of its writes.
 */
export const prelude = `
local base, op, id = ARGV[1], ARGV[2], ARGV[3]
local events, undispatched = base .. 'events', base .. 'undispatched'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- Jobs that may go to the queues from now on: {id, priority, pool}, …
local released = {}

${storedLua}

local function clock(ms) return string.format('%.0f', ms) end
local function job_of(job_id) return { id = job_id, key = base .. 'job:' .. job_id } end
local function get(job, field) return redis.call('HGET', job.key, field) end

-- The strings of a list in one text: each is written as its length in bytes, a colon and the string itself.
local function strings_of(text)
  local list, at = {}, 1
  while at <= #text do
    local colon = string.find(text, ':', at, true)
    local last = colon + tonumber(string.sub(text, at, colon - 1))
    list[#list + 1] = string.sub(text, colon + 1, last)
    at = last + 1
  end
  return list
end

-- Replicas that build the same platforms have a queue of their own, and its fairness. Records from before there were pools have none.
local function pool_of(job) return get(job, 'pool') or 'default' end
local function pool_index(pool, state) return base .. 'index:pool:' .. pool .. ':' .. state end
local function fairness_of(pool) return base .. 'fairness' .. (pool == 'default' and '' or ':' .. pool) end

local function tenant_index(tenant, state) return base .. 'index:tenant:' .. tenant .. ':' .. state end
local function tenant_parked(tenant) return base .. 'tenant:parked:' .. tenant end

-- What the events of one job in the stream of its batch take.
local event_bytes = 400

local function batch_of(job)
  local batch = get(job, 'batch')
  return batch and { id = batch, key = base .. 'batch:' .. batch, events = base .. 'batch:events:' .. batch,
    parked = base .. 'batch:parked:' .. batch }
end

-- A batch has ended when all of it was accepted and every job has ended.
local function end_batch_if_done(batch)
  local f = redis.call('HMGET', batch.key, 'total', 'succeeded', 'failed', 'canceled', 'committed', 'finished_at')
  if f[6] or not f[5] or f[2] + f[3] + f[4] < tonumber(f[1]) then return end
  redis.call('HSET', batch.key, 'finished_at', clock(now))
  -- Its events outlive the records of its jobs.
  local own = redis.call('HMGET', batch.key, 'tenant', 'stored')
  charge(own[1], -tonumber(own[2] or '0'))
  charge_expiring(own[1], batch.key, tonumber(own[2] or '0') + event_bytes * tonumber(f[1]), 2592000000)
  redis.call('ZREM', base .. 'batches:stopping', batch.id)
  redis.call('ZREM', base .. 'batches:open', batch.id)
  redis.call('DEL', batch.parked)
  redis.call('XADD', events, '*', 'type', 'batch.finished', 'batch', batch.id, 'at', clock(now))
  redis.call('XADD', batch.events, '*', 'type', 'batch.finished', 'batch', batch.id, 'at', clock(now))
  for _, key in ipairs({ batch.key, batch.events, base .. 'index:batch:' .. batch.id }) do
    redis.call('PEXPIRE', key, 2592000000)
  end
end

-- Lets nothing more of the batch begin.
local function stop_batch(batch, why)
  redis.call('HSET', batch.key, 'stopped', why)
  redis.call('ZADD', base .. 'batches:stopping', now, batch.id)
end

local function change(job, from, to, type)
  local version = redis.call('HINCRBY', job.key, 'version', 1)
  local fields = { 'type', type, 'job', job.id, 'state', to, 'version', version, 'at', clock(now) }
  redis.call('HSET', job.key, 'state', to)
  if from ~= to then
    if from then redis.call('ZREM', base .. 'index:state:' .. from, job.id) end
    redis.call('ZADD', base .. 'index:state:' .. to, 0, job.id)
    local f = redis.call('HMGET', job.key, 'pool', 'part_of', 'tenant', 'callback')
    local pool, whole, tenant, callback = f[1] or 'default', f[2] and job_of(f[2]), f[3], f[4]
    if from then redis.call('ZREM', pool_index(pool, from), job.id) end
    if from then redis.call('ZREM', tenant_index(tenant, from), job.id) end
    if to == 'queued' or to == 'running' then
      redis.call('ZADD', pool_index(pool, to), 0, job.id)
      redis.call('ZADD', tenant_index(tenant, to), 0, job.id)
    end
    if whole and redis.call('EXISTS', whole.key) == 1 then redis.call('HSET', whole.key, 'part:' .. job.id, to) end
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
      redis.call('HINCRBY', batch.key, to, 1)
    end
    redis.call('XADD', batch.events, 'MAXLEN', '~', 100000, '*', unpack(fields))
  end
  redis.call('XADD', events, '*', unpack(fields))
  if batch then end_batch_if_done(batch) end
end

local function words_of(text)
  local list = {}
  for word in string.gmatch(text or '', '%S+') do list[#list + 1] = word end
  return list
end

-- The references that the job pushes to: the image as it was written, then those of \`references\`. Records from before there were tags have no others.
local function references_of(job)
  if not job.references then
    local f = redis.call('HMGET', job.key, 'pushes_to', 'references')
    job.references = words_of(f[2])
    if f[1] then table.insert(job.references, 1, f[1]) end
  end
  return job.references
end

-- The keys that say for each reference which job pushes to it (\`running\`), or which was the newest that has (\`newest\`).
local function image_keys(references, what)
  local keys = {}
  for at, reference in ipairs(references) do keys[at] = base .. 'image:' .. what .. ':' .. reference end
  return keys
end

-- Two builds that push to one reference never run at once, and none pushes after a newer one has. Returns whether another job runs that pushes to a
-- reference of the job, and a newer job that has pushed to one with that reference.
local function rivals_of(job)
  local references = references_of(job)
  if #references == 0 then return false end
  local keys = image_keys(references, 'running')
  for _, key in ipairs(image_keys(references, 'newest')) do keys[#keys + 1] = key end
  local found, busy, newer, at_reference = redis.call('MGET', unpack(keys)), false, nil, nil
  for at, reference in ipairs(references) do
    local holder, newest = found[at], found[#references + at]
    if holder and holder ~= job.id then busy = true end
    if newest and newest > job.id and not newer then newer, at_reference = newest, reference end
  end
  return busy, newer, at_reference
end

-- Who is building what the image reference of the job is to hold.
local function flight_of(job) return base .. 'flight:' .. (get(job, 'flight') or '') end

-- What a record of a part takes besides what its plan says.
local part_bytes = 2500
local create_job, part_ended, settle, cancel_queued, settle_with, verify

-- Creates a job for each part, in the queue of its pool.
local function begin_parts(job)
  local f = redis.call('HMGET', job.key, 'tenant', 'weight', 'band', 'manner', 'trace', 'plan')
  if not f[6] then
    return settle_with(job, 'queued', 'failed', 'internal', 'An older version of Slipway accepted the job without a plan of its parts. Submit it again.')
  end
  local parts = strings_of(f[6])
  redis.call('HSET', job.key, 'parked', 'parts', 'parts_left', #parts)
  for _, part in ipairs(parts) do
    local p = strings_of(part)
    local reply = create_job(job_of(p[1]), { spec = p[3], shared = p[7], secret = '', tenant = f[1], weight = tonumber(f[2]), band = tonumber(f[3]),
      expected = p[5], pushes_to = p[6], build_key = p[4], manner = f[4], batch = '', func = '',
      pool = p[2], parts = '', indexes = { unpack(p, 8) }, stored = #part + part_bytes, part_of = job.id, trace = f[5] })
    if reply[3] == 1 then released[#released + 1] = { p[1], reply[2], p[2] } end
  end
end

local function release(job)
  redis.call('HDEL', job.key, 'parked', 'shares')
  local f = redis.call('HMGET', job.key, 'parts', 'parts_left')
  if f[1] and f[2] ~= '0' then return begin_parts(job) end
  redis.call('ZADD', undispatched, now, job.id)
  released[#released + 1] = { job.id, get(job, 'priority'), pool_of(job) }
end

${registryCircuits}
${blameLua}
-- Lets the next job of a batch into the queue, if there is one and as many as may be are not there yet.
local function release_next_of(batch)
  local f = redis.call('HMGET', batch.key, 'committed', 'stopped', 'max_running', 'outstanding')
  local most = tonumber(f[3] or '0')
  if not f[1] or f[2] or (most > 0 and tonumber(f[4] or '0') >= most) then return false end
  local next = redis.call('ZPOPMIN', batch.parked)
  if not next[1] then return false end
  redis.call('HINCRBY', batch.key, 'outstanding', 1)
  release(job_of(next[1]))
  return true
end

-- How many more jobs of a tenant may run now; undefined for one that is not limited.
local function room_of(tenant)
  local most = redis.call('HGET', base .. 'tenant:' .. tenant, 'running_jobs')
  return most and tonumber(most) - redis.call('ZCARD', tenant_index(tenant, 'running'))
end

-- Whether the job has to wait until others of its tenant have ended; it is released then.
local function wait_for_tenant(job)
  local tenant = get(job, 'tenant')
  local room = room_of(tenant)
  if not room or room > 0 then return false end
  redis.call('HSET', job.key, 'parked', 'tenant')
  redis.call('ZREM', undispatched, job.id)
  redis.call('ZADD', tenant_parked(tenant), get(job, 'priority'), job.id)
  redis.call('ZADD', base .. 'tenants:parked', 0, tenant)
  return true
end

-- Lets the first of the jobs that wait for their tenant go on, if there is room. What goes on may still find another in its place.
local function release_next_of_tenant(tenant)
  if not redis.call('ZSCORE', base .. 'tenants:parked', tenant) then return false end
  local room = room_of(tenant)
  if room and room <= 0 then return false end
  local next = redis.call('ZPOPMIN', tenant_parked(tenant))
  if not next[1] then
    redis.call('ZREM', base .. 'tenants:parked', tenant)
    return false
  end
  release(job_of(next[1]))
  return true
end

local function leave_running(job)
  local places = places_of(job)
  leave(job, places.worker)
  leave(job, places.replica)
  local keys = image_keys(references_of(job), 'running')
  local holders, held = #keys > 0 and redis.call('MGET', unpack(keys)) or {}, {}
  for at, key in ipairs(keys) do
    if holders[at] == job.id then held[#held + 1] = key end
  end
  if #held > 0 then redis.call('DEL', unpack(held)) end
  redis.call('HDEL', job.key, 'token')
end

-- What a record lists without the log of its failure.
local function values_of_spec(shared) return (string.gsub(shared or '', ' ?log_tail=%S+', '')) end

-- How the function of a job was last built with success. One that was forgotten meanwhile stays so.
local function remember_function(job, body, base_images)
  local name = get(job, 'function')
  local func = name and base .. 'function:' .. get(job, 'tenant') .. '/' .. name
  if not func or redis.call('EXISTS', func) == 0 then return end
  local f = redis.call('HMGET', job.key, 'tenant', 'spec', 'shared')
  set_function(f[1], name, 'built_job', job.id, 'built_at', clock(now), 'built_result', body, 'built_spec', f[2], 'built_shared', values_of_spec(f[3]))
  if base_images then set_function(f[1], name, 'built_base_images', base_images) end
end

-- Lists a value in a record, which holds it from then on.
local function list_shared(job, entry)
  local f = redis.call('HMGET', job.key, 'tenant', 'shared')
  redis.call('HSET', job.key, 'shared', f[2] and f[2] .. ' ' .. entry or entry)
  hold_shared(f[1], entry)
end

-- Identical jobs end as the one that was built for them. If that one was canceled, the first of them is built for the others.
local function settle_sharers(job, to)
  local set = base .. 'sharers:' .. job.id
  local sharers = redis.call('SMEMBERS', set)
  if #sharers == 0 then return end
  redis.call('DEL', set)
  table.sort(sharers)
  if to ~= 'canceled' then
    local field, body, base_images = 'error', nil, nil
    if to == 'succeeded' then
      -- What the job has just noted about its image, as a job sees it that did not build it.
      local built = redis.call('HMGET', base .. 'built:' .. get(job, 'flight'), 'result', 'base_images')
      field, body, base_images = 'result', built[1], built[2]
    else
      body = get(job, 'error')
    end
    local log_tail = field == 'error' and string.match(get(job, 'shared') or '', 'log_tail=%S+')
    for _, sharer in ipairs(sharers) do
      local other = job_of(sharer)
      redis.call('HSET', other.key, field, body)
      grow(other.key, get(other, 'tenant'), #body)
      if log_tail then list_shared(other, log_tail) end
      if field == 'result' then remember_function(other, body, base_images) end
      settle(other, 'queued', to)
    end
    return
  end
  local first = job_of(table.remove(sharers, 1))
  for _, sharer in ipairs(sharers) do
    redis.call('HSET', job_of(sharer).key, 'shares', first.id)
    redis.call('SADD', base .. 'sharers:' .. first.id, sharer)
  end
  -- A newer job that is built from something else keeps its place.
  if redis.call('EXISTS', flight_of(first)) == 0 then
    redis.call('HSET', flight_of(first), 'job', first.id, 'key', get(first, 'build_key'))
  end
  local batch = batch_of(first)
  if not batch then return release(first) end
  redis.call('HSET', first.key, 'parked', 'batch')
  redis.call('ZADD', batch.parked, 0, first.id)
  release_next_of(batch)
end

-- The time of the first request stays.
local function request_cancel(job)
  redis.call('HSET', job.key, 'cancel_requested', 1)
  redis.call('HSETNX', job.key, 'cancel_requested_at', clock(now))
end

-- The parts of a job that has ended: what has not ended is of no use any more.
local function cancel_parts(job)
  if not get(job, 'parts_left') then return end
  for _, field in ipairs(redis.call('HKEYS', job.key)) do
    local part = string.match(field, '^part:(.+)$')
    local other = part and job_of(part)
    local state = other and get(other, 'state')
    if state == 'queued' then
      cancel_queued(other, 'canceled', 'The job that it is a part of has ended.')
    elseif state == 'running' then
      request_cancel(other)
      redis.call('PUBLISH', base .. 'cancellations', part)
    end
  end
end

part_ended = function(job, to)
  local whole = get(job, 'part_of')
  if not whole then return end
  whole = job_of(whole)
  if get(whole, 'parked') ~= 'parts' then return end
  if to ~= 'succeeded' then
    local f = redis.call('HMGET', job.key, 'error', 'shared')
    redis.call('HSET', whole.key, 'error', f[1])
    grow(whole.key, get(whole, 'tenant'), #f[1])
    local log_tail = string.match(f[2] or '', 'log_tail=%S+')
    if log_tail then list_shared(whole, log_tail) end
    return settle(whole, 'queued', to)
  end
  if redis.call('HINCRBY', whole.key, 'parts_left', -1) > 0 then return end
  redis.call('HSET', whole.key, 'queued_at', clock(now))
  release(whole)
end

settle = function(job, from, to)
  leave_running(job)
  local batch, parked = batch_of(job), get(job, 'parked')
  if parked == 'shared' then redis.call('SREM', base .. 'sharers:' .. get(job, 'shares'), job.id) end
  if batch and parked then redis.call('ZREM', batch.parked, job.id) end
  local tenant = get(job, 'tenant')
  if parked == 'tenant' then redis.call('ZREM', tenant_parked(tenant), job.id) end
  if parked == 'registry' then
    for _, registry in ipairs(registries_of(job)) do redis.call('ZREM', registry_parked(registry.host), job.id) end
  end
  redis.call('HSET', job.key, 'finished_at', clock(now))
  redis.call('HDEL', job.key, 'retry_at', 'parked', 'shares')
  redis.call('ZREM', undispatched, job.id)
  redis.call('PEXPIRE', base .. 'log:' .. job.id, 300000)
  local log_bytes = get(job, 'log_bytes')
  if log_bytes then
    redis.call('HDEL', job.key, 'log_bytes')
    redis.call('HINCRBY', job.key, 'stored', '-' .. log_bytes)
    release_later(tenant, tonumber(log_bytes), 300000)
  end
  local flight = flight_of(job)
  if redis.call('HGET', flight, 'job') == job.id then redis.call('DEL', flight) end
  if batch and to == 'failed' then
    local f = redis.call('HMGET', batch.key, 'on_failure', 'committed', 'stopped')
    if f[1] == 'stop' and f[2] and not f[3] then stop_batch(batch, 'job_failed') end
  end
  change(job, from, to, 'job.' .. to)
  if batch and (not parked or parked == 'parts' or parked == 'tenant' or parked == 'registry') then redis.call('HINCRBY', batch.key, 'outstanding', -1) end
  settle_sharers(job, to)
  if to ~= 'succeeded' then cancel_parts(job) end
  part_ended(job, to)
  if batch then release_next_of(batch) end
  release_next_of_tenant(tenant)
end

settle_with = function(job, from, to, code, detail)
  -- A look at a job writes nothing before this.
  if op == 'peek' then verify(job) end
  -- An empty table would be encoded as an object.
  local text = cjson.encode({ code = code, detail = detail })
  redis.call('HSET', job.key, 'error', string.sub(text, 1, -2) .. ',"log_tail":[]}')
  settle(job, from, to)
  return { 'terminal', to }
end

cancel_queued = function(job, code, detail)
  return settle_with(job, 'queued', 'canceled', code, detail)
end

-- Whether the batch of the job has come to an end before it.
local function settle_stopped(job)
  local batch = batch_of(job)
  local stopped = batch and redis.call('HGET', batch.key, 'stopped')
  if not stopped then return nil end
  if stopped == 'job_failed' then return cancel_queued(job, 'batch_stopped', 'Another job of the batch failed.') end
  return cancel_queued(job, 'canceled', 'Its batch was canceled.')
end

-- What an attempt adds to a record besides how it ended.
local attempt_bytes = 250

local function close_attempt(job, outcome, detail, steps, cached)
  local text = cjson.encode({ at = now, outcome = outcome, detail = detail, steps = tonumber(steps), cached = tonumber(cached) })
  redis.call('HSET', job.key, 'end:' .. get(job, 'attempt'), text)
  grow(job.key, get(job, 'tenant'), #text + attempt_bytes)
end

local function back_to_queue(job, from, delay)
  leave_running(job)
  redis.call('HSET', job.key, 'queued_at', clock(now + delay))
  if delay > 0 then redis.call('HSET', job.key, 'retry_at', clock(now + delay)) end
  change(job, from, 'queued', 'job.requeued')
  release_next_of_tenant(get(job, 'tenant'))
end

local job = job_of(id)
local state = get(job, 'state')
`;

-- Parked jobs. A *parked* job has the state `queued` but is not in the queue. Its field `parked` names what it waits for.

local waits_for = {
  -- The batch is not committed, has reached its limit in the queue, or is a wave of a paused campaign.
  batch = 'batch',
  -- An identical job is being built, and ends both. The field `shares` names it.
  identical_job = 'shared',
  -- Not all parts of the job have ended.
  parts = 'parts',
  -- The tenant runs as many jobs as it may.
  tenant = 'tenant',
  -- A registry that the job pushes to does not answer.
  registry = 'registry',
}

local function parked_for(job) return get(job, 'parked') end
local function park(job, reason) redis.call('HSET', job.key, 'parked', reason) end

local function park_for_batch(job, batch, place)
  park(job, waits_for.batch)
  redis.call('ZADD', batch.parked_jobs, place, job.id)
end

-- Releases a job to the queue, or a job with parts to its parts.
local function release(job)
  redis.call('HDEL', job.key, 'parked', 'shares')
  local f = redis.call('HMGET', job.key, 'parts', 'parts_left')
  if f[1] and f[2] ~= '0' then return begin_parts(job) end
  enqueue(job)
end

-- Returns whether the batch is a wave that has not begun. Its jobs may wait for days, so no other job waits for them.
local function is_later_wave(batch)
  local f = redis.call('HMGET', batch.key, 'wave', 'committed')
  return f[1] and not f[2]
end

-- Begins the wait in the queue of a job that belongs to a campaign. It becomes the build in progress of its image, unless there is another.
local function begin_turn(job)
  redis.call('HSET', job.key, 'queued_at', whole(now))
  local in_progress = build_in_progress_key(job)
  if get(job, 'pushes_to') and redis.call('EXISTS', in_progress) == 0 then
    redis.call('HSET', in_progress, 'job', job.id, 'key', get(job, 'build_key'))
  end
end

-- Releases the next job of a batch, unless the batch has no parked job, has reached its limit in the queue or is paused. Returns whether it did.
local function release_next_of_batch(batch)
  local f = redis.call('HMGET', batch.key, 'committed', 'stopped', 'max_running', 'outstanding', 'paused', 'campaign')
  local most = tonumber(f[3] or '0')
  if not f[1] or f[2] or f[5] or (most > 0 and tonumber(f[4] or '0') >= most) then return false end
  local next = redis.call('ZPOPMIN', batch.parked_jobs)
  if not next[1] then return false end
  local job = job_of(next[1])
  redis.call('HINCRBY', batch.key, 'outstanding', 1)
  if f[6] then begin_turn(job) end
  release(job)
  return true
end

-- Parks the job when its campaign is paused, and returns whether it did. The end of the pause releases it.
local function wait_for_campaign(job)
  local batch = batch_of(job)
  if not batch or not redis.call('HGET', batch.key, 'paused') then return false end
  park_for_batch(job, batch, get(job, 'priority'))
  forget_undispatched(job)
  redis.call('HINCRBY', batch.key, 'outstanding', -1)
  return true
end

-- Pauses the campaign of a wave in which too many jobs have failed.
local function pause_failing_campaign(batch)
  local f = redis.call('HMGET', batch.key, 'campaign', 'failed', 'most_failures', 'paused')
  if not f[1] or not f[3] or f[4] or tonumber(f[2]) <= tonumber(f[3]) then return end
  redis.call('HSET', batch.key, 'paused', 1)
  local key = keys.campaign(f[1])
  if redis.call('TYPE', key).ok ~= 'hash' or redis.call('HSETNX', key, 'paused_at', whole(now)) == 0 then return end
  redis.call('HSET', key, 'paused_by', 'max_failures')
end

-- Returns how many more jobs of a tenant may run now; nil for a tenant without a limit.
local function room_of(tenant)
  local most = redis.call('HGET', keys.tenant(tenant), 'running_jobs')
  return most and tonumber(most) - redis.call('ZCARD', tenant_index(tenant, 'running'))
end

-- Parks the job when its tenant runs as many jobs as it may, and returns whether it did. The end of another job releases it.
local function wait_for_tenant(job)
  local tenant = get(job, 'tenant')
  local room = room_of(tenant)
  if not room or room > 0 then return false end
  park(job, waits_for.tenant)
  forget_undispatched(job)
  redis.call('ZADD', keys.tenantParked(tenant), get(job, 'priority'), job.id)
  redis.call('ZADD', keys.tenantsWithParkedJobs, 0, tenant)
  return true
end

-- Releases the first job that waits for its tenant, if there is room. Another job may still take that room first.
local function release_next_of_tenant(tenant)
  if not redis.call('ZSCORE', keys.tenantsWithParkedJobs, tenant) then return false end
  local room = room_of(tenant)
  if room and room <= 0 then return false end
  local next = redis.call('ZPOPMIN', keys.tenantParked(tenant))
  if not next[1] then
    redis.call('ZREM', keys.tenantsWithParkedJobs, tenant)
    return false
  end
  release(job_of(next[1]))
  return true
end

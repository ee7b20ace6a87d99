-- Parked jobs. A *parked* job has the state `queued` but is not in the queue. Its field `parked` names what it waits for.

local waits_for = {
  -- The batch is not committed, or has reached its limit in the queue.
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

-- Releases the next job of a batch, unless the batch has no parked job or has reached its limit in the queue. Returns whether it did.
local function release_next_of_batch(batch)
  local f = redis.call('HMGET', batch.key, 'committed', 'stopped', 'max_running', 'outstanding')
  local most = tonumber(f[3] or '0')
  if not f[1] or f[2] or (most > 0 and tonumber(f[4] or '0') >= most) then return false end
  local next = redis.call('ZPOPMIN', batch.parked_jobs)
  if not next[1] then return false end
  redis.call('HINCRBY', batch.key, 'outstanding', 1)
  release(job_of(next[1]))
  return true
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

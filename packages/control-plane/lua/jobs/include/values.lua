--- @include "jobs/include/job"
--- @include "stored/include/values"

-- Returns the values that the record of a job lists: hash, value, …
local function job_values(job)
  local f = redis.call('HMGET', job.key, 'tenant', 'shared')
  return values_of(f[1], f[2])
end

-- Adds a value to the list of a record, which holds it from then on.
local function list_shared(job, entry)
  local f = redis.call('HMGET', job.key, 'tenant', 'shared')
  redis.call('HSET', job.key, 'shared', f[2] and f[2] .. ' ' .. entry or entry)
  hold_shared(f[1], entry)
end

--- @include "jobs/include/job"
--- @include "stored/include/values"

-- Returns the values that the record of a job lists: hash, value, …
local function job_values(job)
  local f = redis.call('HMGET', job.key, 'tenant', 'shared')
  return values_of(f[1], f[2])
end

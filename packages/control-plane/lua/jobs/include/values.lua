--- @include "jobs/include/job"
--- @include "stored/include/values"

-- Returns the values that the record of a job lists: hash, value, …
local function job_values(job)
  return values_of(get(job, 'tenant'), get(job, 'shared'))
end

-- Adds a value to the list of a record, which holds it from then on.
local function list_shared(job, entry)
  local shared = get(job, 'shared')
  redis.call('HSET', job.key, 'shared', shared and shared .. ' ' .. entry or entry)
  hold_shared(get(job, 'tenant'), entry)
end

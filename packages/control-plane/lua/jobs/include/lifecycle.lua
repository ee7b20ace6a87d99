--- @include "jobs/include/verify"
--- @include "jobs/include/queue"
--- @include "jobs/include/values"
--- @include "jobs/include/bases"
--- @include "functions/include/record"
-- The steps of a job between its creation and its end.
--
-- These steps call each other: the end of a job ends its identical jobs, and releases other jobs of its batch and tenant. The end of a part ends or releases the whole
-- job, and a released job with parts creates them.

local create_job, begin_parts, part_ended, end_job, end_job_with_error, cancel_queued

-- Returns the list of a record's values without the log of its failure.
local function values_of_spec(shared) return (string.gsub(shared or '', ' ?log_tail=%S+', '')) end

-- Records the last success in the function of a job. A function that was removed meanwhile stays removed.
local function remember_function(job, body, base_images)
  local name = get(job, 'function')
  local func = name and keys.functionRecord(get(job, 'tenant'), name)
  if not func or redis.call('EXISTS', func) == 0 then return end
  local f = redis.call('HMGET', job.key, 'tenant', 'spec', 'shared')
  set_function(f[1], name, { built_job = job.id, built_at = whole(now), built_result = body, built_spec = f[2], built_shared = values_of_spec(f[3]),
    built_base_images = base_images or nil })
end

--- @include "jobs/include/parked"
--- @include "jobs/include/registry"
--- @include "jobs/include/parts"
--- @include "jobs/include/identical"
--- @include "jobs/include/end-job"
--- @include "jobs/include/blame"
--- @include "jobs/include/create"

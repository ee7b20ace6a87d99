--- @include "jobs/include/verify"
-- `job`, the job of the arguments, and its `state`. An operation that includes this ends here for a job that is missing or has ended.
local job = job_of(args.id)
local state = get(job, 'state')
if not state then return reply({ 'missing' }) end
if is_ended(state) then return reply({ 'terminal', state }) end

--- @include "jobs/include/verify"
--- @include "jobs/include/queue"
-- Defines `job`, the job of the arguments, and its `state`. Replies at once when the job is missing or has ended.
local job = job_of(args.id)
local state = get(job, 'state')
if not state then return reply({ 'missing' }) end
if is_ended(state) then return reply({ 'terminal', state }) end

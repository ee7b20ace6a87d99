--- @include "jobs/include/lifecycle"
--- @include "jobs/include/unended"
-- Cancels a job.
-- Arguments: id.
-- Outcome: {'ok'}, {'requested'} for a running job, whose worker is to stop it, {'terminal', state} or {'missing'}.
verify(job)
request_cancel(job)
if state == 'running' then return reply({ 'requested' }) end
local code, detail = batch_end_of(job)
cancel_queued(job, code or 'canceled', detail or 'The job was canceled.')
return reply({ 'ok' })

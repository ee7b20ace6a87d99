--- @include "jobs/include/lifecycle"
--- @include "jobs/include/delete"
-- Removes a record that cannot be read. Cancels a job that has not ended first, so that its batch and the jobs that wait for it continue.
-- Arguments: id, indexes besides those of its state and batch. Outcome: {'ok'}.
local job = job_of(args.id)
local current = get(job, 'state')
if current == 'queued' or current == 'running' then
  -- This may fail on a damaged record. The record is removed anyway.
  pcall(end_job_with_error, job, current, 'canceled', 'canceled', 'An operator removed its record.')
end
local batch = get(job, 'batch')
for _, state in ipairs({ 'queued', 'running', 'succeeded', 'failed', 'canceled' }) do redis.call('ZREM', keys.index('state:' .. state), job.id) end
for _, index in ipairs(args.indexes) do redis.call('ZREM', keys.index(index), job.id) end
if batch then redis.call('ZREM', keys.index('batch:' .. batch), job.id) end
withdraw(job)
delete_record(job)
return reply({ 'ok' })

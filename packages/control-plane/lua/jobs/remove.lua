--- @include "jobs/include/delete"
-- Removes the record of a job that ended before a time, and its entries in indexes.
-- Arguments: id, ms since the epoch, indexes besides those of its state and batch.
-- Outcome: {'ok'}, {'missing'}, or {'wait'} for a job that has not ended before that time.
local job = job_of(args.id)
local state = get(job, 'state')
if not state then return reply({ 'missing' }) end
local finished = get(job, 'finished_at')
if not finished or tonumber(finished) >= args.ended_before then return reply({ 'wait' }) end
local batch = get(job, 'batch')
redis.call('ZREM', keys.index('state:' .. state), job.id)
for _, index in ipairs(args.indexes) do redis.call('ZREM', keys.index(index), job.id) end
if batch then redis.call('ZREM', keys.index('batch:' .. batch), job.id) end
delete_record(job)
return reply({ 'ok' })

--- @include "jobs/include/batch"
-- Stops a batch: none of its waiting jobs begins, and the caller cancels its jobs one by one. A stopped draft is never committed.
-- Arguments: id, whether to stop only a draft that is being written. Outcome: {'ok'}, {'missing'}, or {'terminal', 'closed'} when the batch has ended or is not such a
-- draft.
local batch = batch_at(args.id)
local f = redis.call('HMGET', batch.key, 'tenant', 'finished_at', 'committed')
if not f[1] then return reply({ 'missing' }) end
if f[2] or (args.only_draft and (f[3] or is_later_wave(batch))) then return reply({ 'terminal', 'closed' }) end
cancel_batch(batch)
return reply({ 'ok' })

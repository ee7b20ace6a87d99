--- @include "jobs/include/batch"
-- Accepts a batch, and releases its first jobs to the queue. No job of a draft is in the queue.
-- Arguments: id. Outcome: {'ok', record}, {'missing'}, or {'terminal', 'closed'} when the batch is already accepted or stopped.
local batch = batch_at(args.id)
local outcome = commit_batch(batch)
if outcome == 'closed' then return reply({ 'terminal', 'closed' }) end
if outcome == 'missing' then return reply({ 'missing' }) end
return reply({ 'ok', redis.call('HGETALL', batch.key) })

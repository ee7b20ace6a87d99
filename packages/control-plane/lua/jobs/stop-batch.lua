--- @include "jobs/include/batch"
-- Stops a batch: none of its waiting jobs begins, and the caller cancels its jobs one by one. A stopped draft is never committed.
-- Arguments: id, whether to stop only a draft. Outcome: {'ok'}, {'missing'}, or {'terminal', 'closed'} when the batch has ended or is not a draft.
local f = redis.call('HMGET', batch.key, 'tenant', 'finished_at', 'committed')
if not f[1] then return reply({ 'missing' }) end
if f[2] or (args.only_draft and f[3]) then return reply({ 'terminal', 'closed' }) end
redis.call('ZREM', keys.draftBatches, batch.id)
if redis.call('HSETNX', batch.key, 'committed', 0) == 1 then
  redis.call('HSET', batch.key, 'total', redis.call('ZCARD', keys.index('batch:' .. batch.id)))
end
end_reservation()
stop_batch(batch, 'canceled')
end_batch_if_done(batch)
return reply({ 'ok' })

--- @include "jobs/include/batch"
-- Accepts a batch, and releases its first jobs to the queue. No job of a draft is in the queue.
-- Arguments: id. Outcome: {'ok', record}, {'missing'}, or {'terminal', 'closed'} when the batch is already accepted or stopped.
local f = redis.call('HMGET', batch.key, 'tenant', 'stopped', 'committed', 'on_failure', 'failed')
if not f[1] then return reply({ 'missing' }) end
if f[2] or f[3] then return reply({ 'terminal', 'closed' }) end
redis.call('ZREM', keys.draftBatches, batch.id)
redis.call('HSET', batch.key, 'committed', 1)
end_reservation()
redis.call('ZADD', keys.openBatches, now, batch.id)
local index = keys.index('batches:' .. f[1])
redis.call('ZADD', index, 0, batch.id)
-- Each new batch removes up to two expired ones from the list.
for _, oldest in ipairs(redis.call('ZRANGE', index, 0, 1)) do
  if redis.call('EXISTS', keys.batch(oldest)) == 0 then redis.call('ZREM', index, oldest) end
end
if f[4] == 'stop' and f[5] ~= '0' then stop_batch(batch, 'job_failed') end
while release_next_of_batch(batch) do end
end_batch_if_done(batch)
return reply({ 'ok', redis.call('HGETALL', batch.key) })

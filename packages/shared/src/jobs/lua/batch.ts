/**
 * The id is a batch's here.
 * open: 4 tenant, 5 total, 6 `continue` or `stop`, 7 how many of it may be in the queue at once or 0, 8 labels as JSON,
 * 9 callback as JSON or '', 10 its sealed secret or '', 11 the batch that it repeats or ''.
 * commit: takes the jobs that were created for it as accepted, all of them: the first go to the queue. Until then none does.
 * stop: nothing of it begins from now on; whoever asks has its jobs canceled one by one.
 * Returns {'ok'}, {'missing'}, or {'terminal'} when it has ended.
 */
export const batch = `
if op == 'batch:open' then
  local key = base .. 'batch:' .. id
  redis.call('HSET', key, 'tenant', ARGV[4], 'total', ARGV[5], 'on_failure', ARGV[6], 'max_running', ARGV[7], 'labels', ARGV[8],
    'created_at', clock(now), 'queued', 0, 'running', 0, 'succeeded', 0, 'failed', 0, 'canceled', 0)
  if ARGV[9] ~= '' then redis.call('HSET', key, 'callback', ARGV[9]) end
  if ARGV[10] ~= '' then redis.call('HSET', key, 'sealed_callback_secret', ARGV[10]) end
  if ARGV[11] ~= '' then redis.call('HSET', key, 'retry_of', ARGV[11]) end
  redis.call('ZADD', base .. 'index:batches:' .. ARGV[4], 0, id)
  redis.call('ZADD', base .. 'batches:drafts', now, id)
  return { 'ok' }
end

if op == 'batch:commit' or op == 'batch:stop' then
  local batch = { id = id, key = base .. 'batch:' .. id, events = base .. 'batch:events:' .. id,
    parked = base .. 'batch:parked:' .. id }
  local f = redis.call('HMGET', batch.key, 'tenant', 'finished_at', 'stopped')
  if not f[1] then return { 'missing' } end
  if f[2] then return { 'terminal', 'finished' } end
  redis.call('ZREM', base .. 'batches:drafts', id)
  if op == 'batch:commit' then
    if f[3] then return { 'terminal', 'stopped' } end
    redis.call('HSET', batch.key, 'committed', 1)
    while release_next_of(batch) do end
  else
    redis.call('HSETNX', batch.key, 'stopped', 'canceled')
    -- Of a batch that was never accepted whole, what was not created will never be.
    if redis.call('HSETNX', batch.key, 'committed', 0) == 1 then
      redis.call('HSET', batch.key, 'total', redis.call('ZCARD', base .. 'index:batch:' .. id))
    end
    redis.call('ZADD', base .. 'batches:stopping', now, id)
  end
  end_batch_if_done(batch)
  return { 'ok' }
end
`;

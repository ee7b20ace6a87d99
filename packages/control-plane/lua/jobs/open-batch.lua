--- @include "jobs/include/queue"
-- Begins a batch, which is a draft until `commit-batch`.
-- Arguments: id, tenant, number of jobs, `continue` or `stop` on a failure, limit of jobs in the queue at once or 0, labels as JSON, callback as JSON, its sealed
-- secret, the batch that it repeats, the campaign that it is a wave of, trace, bytes that its jobs will take, limit of the tenant in bytes.
-- Outcome: {'ok'}, or {'full', bytes that the tenant has} when the tenant has no room for the whole batch.
local key = keys.batch(args.id)
local stored = 1500 + #args.labels + #(args.callback or '') + #(args.secret or '')
note_limit(args.tenant, args.limit)
if not has_room(args.tenant, args.bytes + stored, 1) then return reply({ 'full', whole(charged(args.tenant)) }) end
charge(args.tenant, args.bytes + stored)
redis.call('HSET', key, 'stored', whole(stored), 'reserved', whole(args.bytes))
redis.call('HSET', key, 'schema', constants.batch_schema, 'tenant', args.tenant, 'total', args.total, 'on_failure', args.on_failure, 'max_running', args.max_running,
  'labels', args.labels, 'created_at', whole(now), 'queued', 0, 'running', 0, 'succeeded', 0, 'failed', 0, 'canceled', 0)
if args.callback then redis.call('HSET', key, 'callback', args.callback) end
if args.secret then redis.call('HSET', key, 'sealed_callback_secret', args.secret) end
if args.retry_of then redis.call('HSET', key, 'retry_of', args.retry_of) end
if args.campaign then redis.call('HSET', key, 'campaign', args.campaign) end
if args.trace then redis.call('HSET', key, 'trace', args.trace) end
redis.call('ZADD', keys.draftBatches, now, args.id)
return reply({ 'ok' })

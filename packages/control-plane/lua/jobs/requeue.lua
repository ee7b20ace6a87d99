--- @include "jobs/include/settle"
--- @include "jobs/include/unended"
-- Puts a running job back into the queue. Only the holder of the token may.
-- Arguments: id, token, outcome and detail of the attempt, whether the attempt counts, ms that the job waits, whether the builder died over it, losses that quarantine,
-- whether the record keeps the attempt, what it says about its registries (`answered` or `fault`) and the host
-- unless all are meant, steps of its build and how many of them were cached, whether no replica
-- built the job, so that it is placed again.
-- Outcome: {'ok'}, {'stale'}, {'terminal', state} or {'missing'}.
verify(job)
if state ~= 'running' or get(job, 'token') ~= args.token then return reply({ 'stale' }) end
if args.spent then redis.call('HINCRBY', job.key, 'spent', 1) end
if args.listed then close_attempt(job, args.outcome, args.detail, args.steps, args.cached_steps) end
-- The job does not wait for another attempt that would never begin.
if get(job, 'cancel_requested') then
  if not args.listed then close_attempt(job, 'canceled', 'The job was canceled.') end
  settle_with(job, state, 'canceled', 'canceled', 'The job was canceled.')
  note_registry(job, args.registry, args.registry_host)
  return reply({ 'ok' })
end
local ended = args.died and count_loss(job, state, 'replica', args.max_lost)
if ended then return reply(ended) end
leave_running(job)
if not args.listed then
  local number = get(job, 'attempt')
  if args.placed then redis.call('HINCRBY', job.key, 'placements', 1) end
  redis.call('HDEL', job.key, 'start:' .. number, 'replica:' .. number)
end
back_to_queue(job, state, args.delay_ms)
note_registry(job, args.registry, args.registry_host)
return reply({ 'ok' })

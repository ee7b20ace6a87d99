--- @include "jobs/include/lifecycle"
--- @include "jobs/include/unended"
-- Puts a running job back into the queue. Only the holder of the token may requeue it.
-- Arguments: id, token, outcome and detail of the attempt, whether the attempt counts, ms that the job waits, whether the builder died during it, losses that
-- quarantine, whether the record keeps the attempt, the outcome for its registries (`answered` or `fault`) and one host (without it, all of them), steps of its build,
-- cached steps, whether no replica built the job, so that it is placed again, the log of the attempt if the record is to keep it.
-- Outcome: {'ok'}, {'stale'}, {'terminal', state}, {'missing'}, or {'log_full'} when the tenant has no room for the log.
verify(job)
if args.died then verify_death(places_of(job).replica) end
if state ~= 'running' or get(job, 'token') ~= args.token then return reply({ 'stale' }) end
if not has_room_for_log(job, args.log) then return reply({ 'log_full' }) end
keep_log(job, args.log)
if args.spent then redis.call('HINCRBY', job.key, 'spent', 1) end
if args.listed then close_attempt(job, args.outcome, args.detail, args.steps, args.cached_steps) end
-- Another attempt would never begin, so the job ends now.
if get(job, 'cancel_requested') then
  if not args.listed then close_attempt(job, 'canceled', 'The job was canceled.') end
  end_job_with_error(job, state, 'canceled', 'canceled', 'The job was canceled.')
  note_registry(job, args.registry, args.registry_host)
  return reply({ 'ok' })
end
local ended = args.died and count_loss(job, state, 'replica', args.max_lost)
if ended then return reply(ended) end
leave_running(job)
if not args.listed then
  local number = places_of(job).attempt
  if args.placed then redis.call('HINCRBY', job.key, 'placements', 1) end
  redis.call('HDEL', job.key, 'start:' .. number, 'replica:' .. number)
end
back_to_queue(job, state, args.delay_ms)
note_registry(job, args.registry, args.registry_host)
return reply({ 'ok' })

--- @include "jobs/include/lifecycle"
--- @include "jobs/include/unended"
-- Cancels a job.
-- Arguments: id, the client of its `POST /build` that has left (absent: cancel in any case).
-- Outcome: {'ok'}, {'requested'} for a running job, whose worker is to stop it, {'wanted'} while other clients wait for the job, {'terminal', state} or {'missing'}.
verify(job)
if args.client then
  local clients = keys.buildClients(job.id)
  expect('zset', clients)
  redis.call('ZREM', clients, args.client)
  redis.call('ZREMRANGEBYSCORE', clients, '-inf', now)
  if redis.call('EXISTS', clients) == 1 then return reply({ 'wanted' }) end
end
request_cancel(job)
if state == 'running' then return reply({ 'requested' }) end
local code, detail = batch_end_of(job)
cancel_queued(job, code or 'canceled', detail or 'The job was canceled.')
return reply({ 'ok' })

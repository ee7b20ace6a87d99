--- @include "jobs/include/queue"
-- Registers a client that waits for the job of its `POST /build`.
-- Arguments: digest of the request, client, id of the job (absent to join the job of an equal request), ms that a client stays registered, ms in which clients can join the job.
-- Outcome: {'ok', id}, or {'missing'} when no job of an equal request runs, waits or has succeeded.
--
-- A job that failed is no result to join: a client that tries again wants another build. The same holds for a job whose image or tag a newer job has pushed to.
local id = args.id
if not id then
  id = redis.call('GET', keys.buildRequest(args.request))
  if not id then return reply({ 'missing' }) end
  local job = job_of(id)
  local state = get(job, 'state')
  if not state or state == 'failed' or state == 'canceled' or get(job, 'cancel_requested') then return reply({ 'missing' }) end
  if state ~= 'running' then
    local _, newer = rivals_of(job)
    if newer then return reply({ 'missing' }) end
  end
end
redis.call('ZADD', keys.buildClients(id), now + args.client_ms, args.client)
redis.call('PEXPIRE', keys.buildClients(id), args.client_ms)
redis.call('SET', keys.buildRequest(args.request), id, 'PX', args.request_ms)
return reply({ 'ok', id })

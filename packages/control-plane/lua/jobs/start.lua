--- @include "jobs/include/lifecycle"
--- @include "jobs/include/unended"
--- @include "jobs/include/held"
-- Begins an attempt.
-- Arguments: id, token, worker, replica, id of the build (absent for a job that joins parts), ms that its slot lives without a holder, losses that quarantine, whether the worker has room for a suspect, the oldest mark of time at which jobs are not held.
-- The lease of the build, if the caller does not know yet whether it holds a slot of the replica. The priority of the first job that the worker holds ready, if it has one.
-- Outcome: {'ok', state before, record, the values that the record lists}, {'wait'} with the record queued, {'held', ms} while another attempt holds its slot,
-- {'terminal', state}, {'missing'}, also when it parked the job, or {'no_slot'} when the lease holds no slot of the replica. Nothing is written then.
--
-- A lost worker held a record that is still running: its attempt is closed and its token is void. A worker that still holds the slot of the attempt
-- is not lost, even if BullMQ gave the job to another worker: it renews the slot while it lives. This is different for a build that goes on without its worker (attach.lua):
-- such an attempt is closed only because its replica has lost the build. A worker that received SIGTERM is not lost: the attempt is not spent, and no death counts. A job that has lost a worker before is a suspect. It runs only where no other suspect runs, so that the
-- next death shows which job caused it. A record of a newer schema waits for a worker that reads it.
if args.lease and not redis.call('ZSCORE', keys.slots(args.replica), args.lease) then return reply({ 'no_slot' }) end
verify(job)
expect_zsets({ keys.aboard(args.worker), keys.aboard(args.replica), keys.drainingWorkers })
if (tonumber(get(job, 'schema') or '1') or math.huge) > constants.job_schema then return reply({ 'wait' }) end
if is_held() then return reply({ 'wait' }) end
local held_ms = state == 'running' and not places_of(job).build and slot_ms_left(job) or 0
if held_ms > 0 then return reply({ 'held', held_ms }) end

forget_undispatched(job)
if state == 'running' then
  local places = places_of(job)
  verify_death(places.worker)
  if not get(job, 'token') then
    close_attempt(job, 'draining', 'The worker was stopped, and the builder lost the build before another worker continued it.')
  elseif redis.call('ZSCORE', keys.drainingWorkers, places.worker) then
    close_attempt(job, 'draining', 'The worker was stopped, and killed before the build had ended.')
  else
    close_attempt(job, 'worker_lost', 'The worker was lost during the build.')
    redis.call('HINCRBY', job.key, 'spent', 1)
    local ended = count_loss(job, state, 'worker', args.max_lost)
    if ended then return reply(ended) end
  end
  leave(job, places.worker)
  leave(job, places.replica)
  redis.call('HDEL', job.key, 'build:' .. places.attempt)
end
if get(job, 'cancel_requested') then return reply(end_job_with_error(job, state, 'canceled', 'canceled', 'The job was canceled.')) end
if state == 'queued' then
  local code, detail = batch_end_of(job)
  if code then return reply(cancel_queued(job, code, detail)) end
end
local busy, newer, reference = rivals_of(job)
-- The newer job may have pushed after a worker admitted this one.
if state == 'queued' and newer then
  return reply(cancel_queued(job, 'superseded', 'The newer job ' .. newer .. ' has pushed to ' .. reference .. '.'))
end
local lost = tonumber(get(job, 'lost'))
if busy or (lost > 0 and not args.takes_suspects) then
  if state == 'running' then back_to_queue(job, state, 0) end
  return reply({ 'wait' })
end
if state == 'queued' and (wait_for_campaign(job) or wait_for_tenant(job) or wait_for_registry(job, true)) then return reply({ 'missing' }) end
for _, lock in ipairs(running_keys(references_of(job))) do redis.call('SET', lock, args.id) end
local number = redis.call('HINCRBY', job.key, 'attempt', 1)
job.places = nil
local wait = math.max(0, now - tonumber(get(job, 'queued_at')))
redis.call('HSET', job.key, 'token', args.token, 'worker', args.worker, 'attempt_at', whole(now), 'replica:' .. number, args.replica,
  'start:' .. number, cjson.encode({ at = now, worker = args.worker, wait = wait }))
set_build(job, number, args.replica, args.build, args.slot_ms)
board(job, args.worker, lost)
board(job, args.replica, lost)
redis.call('HSETNX', job.key, 'started_at', whole(now))
redis.call('HDEL', job.key, 'retry_at')
local batch = batch_of(job)
if batch and redis.call('HSETNX', batch.key, 'started_at', whole(now)) == 1 then
  local f = redis.call('HMGET', batch.key, 'succeeded', 'failed', 'canceled')
  redis.call('HSET', batch.key, 'ended_before', f[1] + f[2] + f[3])
end
local fairness, field, tag = fairness_of(pool_of(job)), 'virtual:' .. get(job, 'band'), tonumber(get(job, 'tag'))
-- This job may start before jobs that come first, because a slot with its layers was free. New jobs of other tenants do not wait for all of these.
local first = args.first and (args.first - 1) / constants.band_priorities - tonumber(get(job, 'band')) or -1
if first >= 0 and first < 1 then tag = math.min(tag, first * constants.band_priorities / 4) end
if tag > tonumber(redis.call('HGET', fairness, field) or '0') then redis.call('HSET', fairness, field, tag) end
change(job, state, 'running', 'job.started')
return reply({ 'ok', state, redis.call('HGETALL', job.key), job_values(job) })

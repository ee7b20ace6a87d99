--- @include "jobs/include/lifecycle"
--- @include "jobs/include/unended"
--- @include "jobs/include/held"
--- @include "jobs/include/home"
-- Decides whether a worker may work on a job. Ends the job when a newer job has pushed to its image or one of its tags (`superseded`), when it has waited too long
-- (`expired`), when its batch was stopped, or when a cancel was requested. Parks it when its campaign is paused, its tenant has no room or its registry does not answer. A record of a newer
-- schema waits for a worker that reads it.
-- Arguments: id, ms that a job may wait, the oldest mark of time at which jobs are not held.
-- Outcome: {'ok', record, the replica that last built its function or nil, the values that the record lists}, {'wait'} while jobs are held or another job pushes to one of its
-- references, {'held', ms} while an attempt holds its slot, {'terminal', state}, or {'missing'}, also for a job that is parked.
-- A build that goes on needs no permission, and another worker may attach to it at any time.
local goes_on = state == 'running' and places_of(job).build
if is_held() and not goes_on then return reply({ 'wait' }) end
if (tonumber(get(job, 'schema') or '1') or math.huge) > constants.job_schema then return reply({ 'wait' }) end

local held_ms = state == 'running' and not goes_on and slot_ms_left(job) or 0
if held_ms > 0 then return reply({ 'held', held_ms }) end

-- Nothing is written before `verify`.
local function end_as(to, code, detail)
  verify(job)
  return reply(end_job_with_error(job, state, to, code, detail))
end

local busy, newer, reference = rivals_of(job)
if state == 'queued' then
  if get(job, 'cancel_requested') then return end_as('canceled', 'canceled', 'The job was canceled.') end
  if newer then return end_as('canceled', 'superseded', 'The newer job ' .. newer .. ' has pushed to ' .. reference .. '.') end
  -- The parts of a job have the same time limit themselves.
  if parked_for(job) ~= waits_for.parts and now - tonumber(get(job, 'queued_at')) > args.queue_timeout_ms then
    return end_as('failed', 'expired', 'The job waited longer than ' .. args.queue_timeout_ms / 1000 .. ' s.')
  end
  local code, detail = batch_end_of(job)
  if code then return end_as('canceled', code, detail) end
  -- A parked job returns to the queue when it is released.
  if parked_for(job) then return reply({ 'missing' }) end
end
if busy then return reply({ 'wait' }) end
if state == 'queued' and (wait_for_campaign(job) or wait_for_registry(job, false) or wait_for_tenant(job)) then return reply({ 'missing' }) end
return reply({ 'ok', redis.call('HGETALL', job.key), home_of(get(job, 'expected')), job_values(job) })

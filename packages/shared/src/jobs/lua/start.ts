import { schemaVersions } from '../../records/index.js';

/**
 * A record of a newer schema waits for a worker that reads it.
 *
 * peek: 4 milliseconds that a job may wait. Before a worker does anything for a job: ends it when a newer job has
 * pushed to its image or one of its tags (`superseded`), when it has waited too long (`expired`), its batch was stopped, or it is to be canceled. Returns
 * {'ok', record, the replica that built its function last or nil, the values that it lists}, {'wait'} while another job pushes to one of its references, or {'missing'} for
 * one that is parked, now or before.
 *
 * start: 4 token, 5 worker, 6 replica, 7 losses that quarantine, 8 whether the worker has room for a suspect.
 * A record found running was held by a worker that is lost: that attempt is closed and its token void.
 * Its slot is not freed: a worker that only lost touch may still be building there, and a dead one's runs out.
 * A job that has lost a worker before is a suspect, and runs only where no other suspect does, so that the next
 * death says whose fault it is. Returns {'ok', state before, record, the values that it lists}, {'wait'} with the record queued, or {'missing'} when it was parked.
 */
export const start = `
local function job_values(job)
  local f = redis.call('HMGET', job.key, 'tenant', 'shared')
  return values_of(f[1], f[2])
end

if (op == 'peek' or op == 'start') and (tonumber(get(job, 'schema') or '1') or math.huge) > ${schemaVersions.job} then return { 'wait' } end

local busy, newer, reference
if op == 'peek' or op == 'start' then busy, newer, reference = rivals_of(job) end
local function superseded()
  return settle_with(job, state, 'canceled', 'superseded', 'The newer job ' .. newer .. ' has pushed to ' .. reference .. '.')
end

if op == 'peek' then
  if state == 'queued' then
    if get(job, 'cancel_requested') then return settle_with(job, state, 'canceled', 'canceled', 'The job was canceled.') end
    if newer then return superseded() end
    -- Its parts wait no longer than that themselves.
    if get(job, 'parked') ~= 'parts' and now - tonumber(get(job, 'queued_at')) > tonumber(ARGV[4]) then
      return settle_with(job, state, 'failed', 'expired', 'It waited longer than ' .. ARGV[4] / 1000 .. ' s.')
    end
    local stopped = settle_stopped(job)
    if stopped then return stopped end
    -- It comes back when it is released.
    if get(job, 'parked') then return { 'missing' } end
  end
  if busy then return { 'wait' } end
  if state == 'queued' and (wait_for_registry(job, false) or wait_for_tenant(job)) then return { 'missing' } end
  return { 'ok', redis.call('HGETALL', job.key), redis.call('HGET', base .. 'homes', get(job, 'expected')), job_values(job) }
end

if op == 'start' then
  local token, worker, replica, max_lost, suspects = ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7]), ARGV[8] == '1'
  redis.call('ZREM', undispatched, id)
  if state == 'running' then
    close_attempt(job, 'worker_lost', 'The worker was lost during the build.')
    redis.call('HINCRBY', job.key, 'spent', 1)
    local ended = count_loss(job, state, 'worker', max_lost)
    if ended then return ended end
    local places = places_of(job)
    leave(job, places.worker)
    leave(job, places.replica)
  end
  if get(job, 'cancel_requested') then return settle_with(job, state, 'canceled', 'canceled', 'The job was canceled.') end
  local stopped = state == 'queued' and settle_stopped(job)
  if stopped then return stopped end
  -- It may have pushed since this job was looked at.
  if state == 'queued' and newer then return superseded() end
  if busy or (tonumber(get(job, 'lost')) > 0 and not suspects) then
    if state == 'running' then back_to_queue(job, state, 0) end
    return { 'wait' }
  end
  if state == 'queued' and (wait_for_tenant(job) or wait_for_registry(job, true)) then return { 'missing' } end
  for _, lock in ipairs(image_keys(references_of(job), 'running')) do redis.call('SET', lock, id) end
  local number = redis.call('HINCRBY', job.key, 'attempt', 1)
  local wait = math.max(0, now - tonumber(get(job, 'queued_at')))
  redis.call('HSET', job.key, 'token', token, 'worker', worker, 'attempt_at', clock(now), 'replica:' .. number, replica,
    'start:' .. number, cjson.encode({ at = now, worker = worker, wait = wait }))
  board(job, worker)
  board(job, replica)
  redis.call('HSETNX', job.key, 'started_at', clock(now))
  redis.call('HDEL', job.key, 'retry_at')
  local batch = batch_of(job)
  if batch and redis.call('HSETNX', batch.key, 'started_at', clock(now)) == 1 then
    local f = redis.call('HMGET', batch.key, 'succeeded', 'failed', 'canceled')
    redis.call('HSET', batch.key, 'ended_before', f[1] + f[2] + f[3])
  end
  local fairness, field, tag = fairness_of(pool_of(job)), 'virtual:' .. get(job, 'band'), tonumber(get(job, 'tag'))
  if tag > tonumber(redis.call('HGET', fairness, field) or '0') then redis.call('HSET', fairness, field, tag) end
  change(job, state, 'running', 'job.started')
  return { 'ok', state, redis.call('HGETALL', job.key), job_values(job) }
end

if op == 'cancel' then
  request_cancel(job)
  if state == 'running' then return { 'requested' } end
  if not settle_stopped(job) then cancel_queued(job, 'canceled', 'The job was canceled.') end
  return { 'ok' }
end
`;

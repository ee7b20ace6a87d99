--- @include "jobs/include/lifecycle"
--- @include "jobs/include/unended"
-- Continues a running attempt whose build goes on at its replica. The new holder gets a new token, and the one before is void. Attempts and deaths do not change.
-- Arguments: id, build, token, worker, whether the worker has room for a suspect, workers that may die over one build.
-- Outcome: {'ok', worker before, record, the values that the record lists}, {'wait'} when the worker has no room for a suspect or the record is of a newer schema, {'stale'}
-- when the attempt does not have this build or too many workers have died over it, {'terminal', state}, or {'missing'}.
--
-- A worker that received SIGTERM, or has handed the build over, did not die. A worker that dies over a build that goes on has not lost it, so the job is
-- not blamed. But a build may be what kills its workers: after some deaths over one build, and after the first death over the build of a suspect, no worker attaches any
-- more. The next attempt then counts the last death (blame.lua). Each death is noted before the job leaves the worker: other jobs of that worker did not run there alone.
-- The job itself explains it, so it does not excuse the job.
verify(job)
expect_zsets({ keys.aboard(args.worker), keys.drainingWorkers })
if (tonumber(get(job, 'schema') or '1') or math.huge) > constants.job_schema then return reply({ 'wait' }) end
local places, lost = places_of(job), tonumber(get(job, 'lost'))
if state ~= 'running' or places.build ~= args.build then return reply({ 'stale' }) end
verify_death(places.worker)
if lost > 0 and not args.takes_suspects then return reply({ 'wait' }) end
if get(job, 'token') and not redis.call('ZSCORE', keys.drainingWorkers, places.worker) then
  local deaths = redis.call('HINCRBY', job.key, 'build_deaths:' .. places.attempt, 1)
  if deaths > (lost > 0 and 0 or args.max_deaths) then return reply({ 'stale' }) end
  note_death('worker', places.worker)
  meet_death(job, places.worker)
end
leave(job, places.worker)
board(job, args.worker, lost, tonumber(redis.call('HGET', job.key, 'deaths_met') or '0'))
forget_undispatched(job)
redis.call('HSET', job.key, 'token', args.token, 'worker', args.worker, 'worker:' .. places.attempt, args.worker)
redis.call('HINCRBY', job.key, 'takeovers:' .. places.attempt, 1)
return reply({ 'ok', places.worker, redis.call('HGETALL', job.key), job_values(job) })

--- @include "jobs/include/places"
--- @include "jobs/include/queue"
-- Returns builds of canceled jobs that are still running a second after the request, for the caller to stop them at their replicas.
-- Arguments: builds at most, ms until another caller may get the same build.
-- Outcome: {'ok', {job, replica, build}, ...}.
local found = { 'ok' }
for _, id in ipairs(redis.call('ZRANGEBYSCORE', keys.canceledBuilds, '-inf', now, 'LIMIT', 0, args.limit)) do
  local job = job_of(id)
  local places = get(job, 'state') == 'running' and get(job, 'cancel_requested') and places_of(job)
  if places and places.build then
    redis.call('ZADD', keys.canceledBuilds, now + args.again_ms, id)
    found[#found + 1] = { id, places.replica, places.build }
  else
    redis.call('ZREM', keys.canceledBuilds, id)
  end
end
return reply(found)

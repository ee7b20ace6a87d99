--- @include "jobs/include/lifecycle"
--- @include "jobs/include/unended"
-- Gives up the token of a running attempt whose build goes on at its replica, so that any worker can attach to it. Only the holder of the token may do that.
-- Arguments: id, token, ms that the slot of the build lives without a holder.
-- Outcome: {'ok'}, {'stale'} also when the replica does not keep the build, {'terminal', state} or {'missing'}.
if state ~= 'running' or get(job, 'token') ~= args.token then return reply({ 'stale' }) end
local places = places_of(job)
if not places.build then return reply({ 'stale' }) end
expect('zset', keys.aboard(places.worker))
leave(job, places.worker)
redis.call('HDEL', job.key, 'token')
keep_slot(places.replica, job.id .. ':' .. places.build, args.slot_ms)
return reply({ 'ok' })

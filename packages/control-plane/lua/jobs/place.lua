--- @include "jobs/include/unended"
-- Records another replica for the attempt. Only the holder of the token may change it.
-- Arguments: id, token, replica, id of the build, ms that its slot lives without a holder.
-- Outcome: {'ok', 1 if another worker can attach to the build, else 0}, {'stale'}, {'terminal', state} or {'missing'}.
if state ~= 'running' or get(job, 'token') ~= args.token then return reply({ 'stale' }) end
local replica = places_of(job).replica
expect('zset', keys.aboard(replica), keys.aboard(args.replica))
leave(job, replica)
local number = places_of(job).attempt
redis.call('HSET', job.key, 'replica:' .. number, args.replica)
redis.call('HDEL', job.key, 'build:' .. number)
set_build(job, number, args.replica, args.build, args.slot_ms)
board(job, args.replica, tonumber(get(job, 'lost')))
return reply({ 'ok', redis.call('HEXISTS', job.key, 'build:' .. number) })

--- @include "jobs/include/unended"
-- Records another replica for the attempt. Only the holder of the token may change it.
-- Arguments: id, token, replica.
-- Outcome: {'ok'}, {'stale'}, {'terminal', state} or {'missing'}.
if state ~= 'running' or get(job, 'token') ~= args.token then return reply({ 'stale' }) end
local replica = places_of(job).replica
expect('zset', keys.aboard(replica), keys.aboard(args.replica))
leave(job, replica)
redis.call('HSET', job.key, 'replica:' .. places_of(job).attempt, args.replica)
board(job, args.replica, tonumber(get(job, 'lost')))
return reply({ 'ok' })

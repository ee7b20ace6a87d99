--- @include "jobs/include/unended"
-- Records another replica for the attempt. Only the holder of the token may change it.
-- Arguments: id, token, replica.
-- Outcome: {'ok'}, {'stale'}, {'terminal', state} or {'missing'}.
if state ~= 'running' or get(job, 'token') ~= args.token then return reply({ 'stale' }) end
expect('zset', keys.aboard(places_of(job).replica), keys.aboard(args.replica))
leave(job, places_of(job).replica)
redis.call('HSET', job.key, 'replica:' .. get(job, 'attempt'), args.replica)
board(job, args.replica)
return reply({ 'ok' })

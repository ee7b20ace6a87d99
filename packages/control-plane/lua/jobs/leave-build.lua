--- @include "jobs/include/queue"
-- Removes a client that does not wait for the job of its `POST /build` any more.
-- Arguments: digest of the request, client, id of the job, whether the client has the result. Its next equal request is then a new job.
-- Outcome: {'ok'}.
redis.call('ZREM', keys.buildClients(args.id), args.client)
if args.has_result and redis.call('GET', keys.buildRequest(args.request)) == args.id then redis.call('DEL', keys.buildRequest(args.request)) end
return reply({ 'ok' })

--- @include "include/time"
--- @include "events/include/append"
-- Records the end of a check of a base image, and appends the event of a change for each tenant.
-- Arguments: reference, the due time by which the caller holds it, the state before the check, the state after it as JSON, ms until the next check, the pause after
-- a check in ms, the digest and the one before (for a change), tenants: name, functions that use the base image, functions behind, …
-- Returns 1, or 0 when the base image is in use no more or another worker has checked it.
local due = redis.call('ZSCORE', keys.basesDue, args.reference)
if not due or (redis.call('HGET', keys.basesWatched, args.reference) or '') ~= args.before then return 0 end
redis.call('HSET', keys.basesWatched, args.reference, whole(now) .. ' ' .. args.after)
-- An earlier due time is that of a push that the registry reported during the check.
local wait = due == args.held and args.next_ms or args.pause_ms
redis.call('ZADD', keys.basesDue, whole(now + wait), args.reference)
for i = 1, #args.tenants, 3 do
  local fields = { 'type', 'base_image.changed', 'tenant', args.tenants[i], 'base', args.reference, 'digest', args.digest, 'functions', args.tenants[i + 1],
    'behind', args.tenants[i + 2], 'at', whole(now) }
  if args.previous then
    fields[#fields + 1] = 'previous'
    fields[#fields + 1] = args.previous
  end
  append_event(fields, { keys.tenantChannel(args.tenants[i]) })
end
return 1

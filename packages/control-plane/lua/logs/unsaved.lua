--- @include "include/time"
-- Records that the end of an attempt's log is not stored. The leader stores it later, from the live log, which is kept for that long.
-- Arguments: job id, attempt, error code, seconds to keep the live log.
local record = keys.job(args.id)
if redis.call('EXISTS', record) == 0 then return 0 end
redis.call('HSET', record, 'log_error:' .. args.attempt, args.code)
redis.call('ZADD', keys.logsUnsaved, whole(now), args.id)
redis.call('EXPIRE', keys.log(args.id), args.kept_seconds)
return 1

-- Records that the log of an attempt has stored parts, before a part is written, so that readers and retention find it.
-- Arguments: job id, number of parts.
local record = keys.job(args.id)
if redis.call('EXISTS', record) == 0 then return 0 end
if args.parts > tonumber(redis.call('HGET', record, 'log_parts') or '0') then redis.call('HSET', record, 'log_parts', args.parts) end
return 1

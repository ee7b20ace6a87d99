-- Adds to the counts of a minute.
-- Arguments: minute of the epoch, seconds to keep its counts, and counts, each as field and number.
local key = keys.minute(args.minute)
for i = 1, #args.counts, 2 do redis.call('HINCRBY', key, args.counts[i], args.counts[i + 1]) end
redis.call('EXPIRE', key, args.kept_seconds)

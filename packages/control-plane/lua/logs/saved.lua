-- Records that the log of a job is stored after all, or that its live log is gone.
-- Arguments: job id, attempt whose log is stored now; 0 for none.
if args.attempt > 0 and redis.call('EXISTS', keys.job(args.id)) == 1 then redis.call('HDEL', keys.job(args.id), 'log_error:' .. args.attempt) end
redis.call('ZREM', keys.logsUnsaved, args.id)
return 1

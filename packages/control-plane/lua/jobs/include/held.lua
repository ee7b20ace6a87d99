-- Returns true while no job may start: an operator or a worker holds the queue, or Redis is older than the worker knows.
local function is_held()
  return redis.call('EXISTS', keys.hold) == 1 or tonumber(redis.call('GET', keys.timeMark) or '0') < args.least_mark
end

--- @include "jobs/include/job"
-- Decides whether a job that a worker holds without a slot stays there. Writes nothing.
-- Arguments: id, pool, the beginning of the keys of its queue, its priority, whether it makes room for a job that comes earlier.
-- Returns 1, or 0 when the job goes back to the queue: it does not wait any more, jobs are held, another one comes earlier, or a sixteenth of the pool is free
-- although this job got no slot. Other jobs may be able to use these slots.
local job = job_of(args.id)
if get(job, 'state') ~= 'queued' or redis.call('EXISTS', keys.hold) == 1 then return 0 end

local limit, load, sums = 0, 0, redis.call('HGETALL', keys.offersOfPool(args.pool))
for i = 1, #sums, 2 do
  local of = string.match(sums[i], ' (%a+)$')
  if of == 'limit' then limit = limit + tonumber(sums[i + 1]) end
  if of == 'load' then load = load + tonumber(sums[i + 1]) end
end
if (limit - load) * 16 >= limit then return 0 end

if not args.yields then return 1 end
if redis.call('LLEN', args.queue .. 'wait') > 0 then return 0 end
-- BullMQ keeps the priority in the upper half of the score.
local first = redis.call('ZRANGE', args.queue .. 'prioritized', 0, 0, 'WITHSCORES')[2]
return first and math.floor(tonumber(first) / 4294967296) < args.priority and 0 or 1

-- Extends the locks of jobs in queues of BullMQ, as extendLocks of BullMQ 6.7.0 does for one queue.
-- Arguments: ms that locks live, and locks, each as the beginning of the queue's keys, the id of the job and the token. Returns the ids of the jobs whose lock is
-- gone, or is another worker's.
local lost = {}
for i = 1, #args.locks, 3 do
  local queue, id, token = unpack(args.locks, i, i + 2)
  local lock = queue .. id .. ':lock'
  if redis.call('GET', lock) == token then
    redis.call('SET', lock, token, 'PX', args.ttl_ms)
    redis.call('SREM', queue .. 'stalled', id)
  else
    lost[#lost + 1] = id
  end
end
return lost

/**
 * What is done with time, in steps of bounded size.
 * due: 4 how many. Releases what is to go to the queue.
 * dispatched: 4 milliseconds, 5… ids. Looks at them again so long after they are due, if they are not begun by then.
 * wake: 4 how many.
 */
export const sweep = `
if op == 'due' then
  for _, delivery in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, ARGV[4])) do let_go(delivery) end
  return { 'ok' }
end

if op == 'dispatched' then
  for i = 5, #ARGV do
    local at = tonumber(redis.call('HGET', key_of(ARGV[i]), 'due_at') or '0')
    redis.call('ZADD', due, 'XX', math.max(at, now) + tonumber(ARGV[4]), ARGV[i])
  end
  return { 'ok' }
end

-- What waits for an endpoint that was switched off or deleted. What is under way ends by itself.
local function cancel_pending(endpoint, most)
  local ended, why = off(endpoint)
  local count = 0
  if ended then
    for _, delivery in ipairs(redis.call('ZRANGE', index('pending:' .. endpoint), 0, most - 1)) do
      if redis.call('HEXISTS', key_of(delivery), 'token') == 0 then
        settle(delivery, 'canceled', why)
        count = count + 1
      end
    end
  end
  -- As many as may be under way stand before those that are to be canceled.
  if count == 0 then redis.call('ZREM', stopping, endpoint) end
  return count
end

if op == 'wake' then
  local left = tonumber(ARGV[4])
  for _, lane in ipairs(redis.call('ZRANGEBYSCORE', lanes, '-inf', now, 'LIMIT', 0, 100)) do
    reclaim(lane)
    release(lane, left)
    watch(lane)
  end
  for _, endpoint in ipairs(redis.call('ZRANGE', stopping, 0, 9)) do
    if left > 50 then left = left - cancel_pending(endpoint, left) end
  end
  return { 'ok' }
end
`;

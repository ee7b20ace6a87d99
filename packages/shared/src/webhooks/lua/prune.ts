/**
 * prune: 4 milliseconds for which delivered ones are kept, 5 the others, 6 how many ended ones are kept, 7 how many are removed at most,
 * 8 how many of those for their age. Returns {'ok', how many were, how many of those for their age}.
 * prune_tenant: 4 tenant, 5 milliseconds for which those are kept that have ended, 6 how many are looked at. Returns {'ok', how many were removed}.
 */
export const prune = `
if op == 'prune_tenant' then
  local count = 0
  for _, delivery in ipairs(redis.call('ZRANGE', index('tenant:' .. ARGV[4]), 0, tonumber(ARGV[6]) - 1)) do
    local finished = redis.call('HGET', key_of(delivery), 'finished_at')
    if finished and tonumber(finished) < now - tonumber(ARGV[5]) then
      remove_delivery(delivery)
      count = count + 1
    end
  end
  return { 'ok', count }
end

if op == 'prune' then
  local max, left, most_old, count = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), 0
  local delivered, failed = index('ended:delivered'), index('ended:failed')

  local function drop(ended, ids)
    for _, delivery in ipairs(ids) do
      redis.call('ZREM', ended, delivery)
      remove_delivery(delivery)
    end
    left, count = left - #ids, count + #ids
  end

  drop(delivered, redis.call('ZRANGEBYSCORE', delivered, '-inf', now - tonumber(ARGV[4]), 'LIMIT', 0, most_old))
  drop(failed, redis.call('ZRANGEBYSCORE', failed, '-inf', now - tonumber(ARGV[5]), 'LIMIT', 0, most_old - count))
  local old = count
  -- Too many: those go first that arrived.
  for _, ended in ipairs({ delivered, failed }) do
    local excess = math.min(left, redis.call('ZCARD', delivered) + redis.call('ZCARD', failed) - max)
    if excess > 0 then drop(ended, redis.call('ZRANGE', ended, 0, excess - 1)) end
  end
  return { 'ok', count, old }
end
`;

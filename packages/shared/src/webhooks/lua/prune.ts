/**
 * prune: 4 milliseconds for which delivered ones are kept, 5 the others, 6 how many ended ones are kept, 7 how many are removed at most. Returns {'ok', how many were}.
 */
export const prune = `
if op == 'prune' then
  local max, left, count = tonumber(ARGV[6]), tonumber(ARGV[7]), 0
  local delivered, failed = index('ended:delivered'), index('ended:failed')

  local function drop(ended, ids)
    for _, delivery in ipairs(ids) do
      redis.call('ZREM', ended, delivery)
      remove_delivery(delivery)
    end
    left, count = left - #ids, count + #ids
  end

  drop(delivered, redis.call('ZRANGEBYSCORE', delivered, '-inf', now - tonumber(ARGV[4]), 'LIMIT', 0, left))
  drop(failed, redis.call('ZRANGEBYSCORE', failed, '-inf', now - tonumber(ARGV[5]), 'LIMIT', 0, left))
  -- Too many: those go first that arrived.
  for _, ended in ipairs({ delivered, failed }) do
    local excess = math.min(left, redis.call('ZCARD', delivered) + redis.call('ZCARD', failed) - max)
    if excess > 0 then drop(ended, redis.call('ZRANGE', ended, 0, excess - 1)) end
  end
  return { 'ok', count }
end
`;

/**
 * The one way an endpoint's settings change. KEYS: 1 the endpoint. ARGV: 1 base of all keys, 2 operation, 3 tenant, 4 id, 5 ms, then
 * create, update: field, value, …; rotate: the sealed secret, until when the one before is valid.
 * Returns 1, or 0 when the tenant has no such endpoint.
 *
 * An endpoint that was switched off or removed is noted in `webhooks:stopping` for as long as deliveries to it may be pending.
 */
export const endpointLua = `
local base, op, tenant, id, now = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local key, lane = KEYS[1], base .. 'lane:endpoint:' .. id
local own, all, stopping = base .. 'webhooks:tenant:' .. tenant, base .. 'webhooks:all', base .. 'webhooks:stopping'

if op ~= 'create' and redis.call('HGET', key, 'tenant') ~= tenant then return 0 end
redis.call('INCR', base .. 'webhooks:version')

if op == 'remove' then
  redis.call('DEL', key, lane)
  redis.call('ZREM', own, id)
  redis.call('ZREM', all, id)
  redis.call('ZADD', stopping, now, id)
  return 1
end

redis.call('HSET', key, 'updated_at', now)

if op == 'rotate' then
  redis.call('HSET', key, 'previous_sealed_secret', redis.call('HGET', key, 'sealed_secret'), 'sealed_secret', ARGV[6], 'rotating_until', ARGV[7])
  return 1
end

local enabled
for i = 6, #ARGV, 2 do
  redis.call('HSET', key, ARGV[i], ARGV[i + 1])
  if ARGV[i] == 'enabled' then enabled = ARGV[i + 1] end
end
if op == 'create' then
  redis.call('ZADD', own, 0, id)
  redis.call('ZADD', all, 0, id)
elseif enabled == '1' then
  redis.call('HDEL', key, 'disabled_reason', 'disabled_at', 'failing_since', 'failed_in_a_row')
  redis.call('DEL', lane)
  redis.call('ZREM', stopping, id)
  -- What is parked may go now.
  if redis.call('EXISTS', lane .. ':parked') == 1 then redis.call('ZADD', base .. 'lanes', 0, 'endpoint:' .. id) end
elseif enabled == '0' then
  -- Whoever does it by hand knows why.
  redis.call('HDEL', key, 'disabled_reason', 'disabled_at')
  redis.call('ZADD', stopping, now, id)
end
return 1
`;

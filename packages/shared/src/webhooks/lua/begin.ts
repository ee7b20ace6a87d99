/**
 * begin: 4 token, 5 milliseconds of the lease, 6 requests that may be under way in a lane of callbacks.
 * Returns {'begun', the record's fields}, {'parked'}, {'ended'}, {'missing'} or {'later', when}.
 *
 * The clocks of who sends and of Redis may differ, so that a second too early is early enough.
 */
export const begin = `
local f = redis.call('HMGET', key_of(id), 'state', 'lane', 'token', 'due_at', 'endpoint', 'created_at')
local state, token, endpoint = f[1], f[3], f[5]
local lane = state and lane_of(f[2], endpoint)

if op == 'begin' then
  if not state then return { 'missing' } end
  if state ~= 'pending' then return { 'ended' } end
  local lease = token and tonumber(redis.call('ZSCORE', inflight_key(lane), id))
  if lease and lease > now then return { 'later', clock(lease) } end
  if tonumber(f[4]) > now + 1000 then return { 'later', f[4] } end
  local ended, why = off(endpoint)
  reclaim(lane)
  redis.call('ZREM', inflight_key(lane), id)
  redis.call('HDEL', key_of(id), 'token')
  if ended then
    settle(id, 'canceled', why)
    watch(lane)
    return { 'ended' }
  end

  local max = ARGV[6]
  if endpoint then
    local e = redis.call('HMGET', endpoint_key(endpoint), 'url', 'format', 'max_in_flight')
    redis.call('HSET', key_of(id), 'url', e[1])
    if e[2] == '{"type":"standard"}' then redis.call('HDEL', key_of(id), 'format') else redis.call('HSET', key_of(id), 'format', e[2]) end
    max = e[3]
  end
  redis.call('HSET', lane_key(lane), 'max', max)
  redis.call('PEXPIRE', lane_key(lane), lane_ttl)

  redis.call('ZREM', due, id)
  if room(lane) < 1 then
    redis.call('ZADD', parked_key(lane), f[6], id)
    redis.call('HINCRBY', key_of(id), 'parkings', 1)
    watch(lane)
    return { 'parked' }
  end
  redis.call('ZREM', parked_key(lane), id)
  redis.call('HSET', key_of(id), 'token', ARGV[4])
  redis.call('ZADD', inflight_key(lane), now + tonumber(ARGV[5]), id)
  watch(lane)
  return { 'begun', redis.call('HGETALL', key_of(id)) }
end
`;

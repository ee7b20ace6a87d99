/**
 * create: 4 spec, 5 sealed callback secret or '', 6 tenant, 7 weight, 8 band of the priority class (0 to 2), 9 whose
 * build times to expect, 10 the image reference it pushes to or '', 11… indexes.
 *
 * Gives the job its place among those that wait, by start-time fair queueing: a tenant's tags are 1/weight apart and
 * begin at the virtual time, which is the tag of the job that last started. Within the span that a tenant's waiting
 * jobs cover, a job stands by the share of known build times that are longer than its own, so that the longest go
 * first and no other tenant waits longer for it. An unknown time counts as the median.
 * Returns {'ok', priority}; lower is earlier. BullMQ takes priorities up to 2^21.
 */
export const create = `
if op == 'create' then
  if state then return { 'exists' } end
  local tenant, weight, band, expected = ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9]
  local fairness, durations = base .. 'fairness', base .. 'durations'
  if redis.call('ZCARD', base .. 'index:state:queued') + redis.call('ZCARD', base .. 'index:state:running') == 0 then
    redis.call('DEL', fairness)
  end
  local virtual = tonumber(redis.call('HGET', fairness, 'virtual:' .. band) or '0')
  local last = tonumber(redis.call('HGET', fairness, 'last:' .. band .. ':' .. tenant) or '0')
  last = math.max(virtual, last) + 1 / weight
  redis.call('HSET', fairness, 'last:' .. band .. ':' .. tenant, last)
  local known, share = redis.call('ZCARD', durations), 1
  if known > 0 then
    local ms = redis.call('ZSCORE', durations, expected)
    share = ms and redis.call('ZCOUNT', durations, '(' .. ms, '+inf') / known or 0.5
  end
  local tag = virtual + share * (last - virtual)
  local priority = 1 + band * 699050 + math.min(699049, math.floor(tag * 4))
  redis.call('HSET', record, 'spec', ARGV[4], 'tenant', tenant, 'band', band, 'tag', tag, 'priority', priority,
    'expected', expected, 'created_at', clock(now), 'queued_at', clock(now), 'attempt', 0, 'spent', 0, 'lost', 0)
  if ARGV[5] ~= '' then redis.call('HSET', record, 'sealed_callback_secret', ARGV[5]) end
  if ARGV[10] ~= '' then redis.call('HSET', record, 'pushes_to', ARGV[10]) end
  for i = 11, #ARGV do redis.call('ZADD', base .. 'index:' .. ARGV[i], 0, id) end
  redis.call('ZADD', undispatched, now, id)
  change(false, 'queued', 'job.queued')
  return { 'ok', priority }
end
`;

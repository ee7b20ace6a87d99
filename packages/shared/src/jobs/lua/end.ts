/** Names of one tenant whose build time and replica are known; for other names the median counts. */
const learnedNames = 5_000;

/**
 * What the holder of the token may do.
 * place: 5 replica. Another one was chosen within the attempt.
 * finish: 5 state, 6 outcome, 7 detail, 8 field (`result` or `error`), 9 its JSON, 10 the images that the stages of its Dockerfile
 * begin from, as JSON, or '', 11 the result as a job has it that did not build the image, as JSON, or '', 12 the hash of the end of the log or '', 13 the end of the log as JSON,
 * 14 what it says about its registries: `answered` or `fault`, and the host unless all are meant; or '', 15 steps of its build and 16 those that were cached, or ''.
 * The end of the log is left out where the tenant has no room for it: the log itself has it.
 * requeue: 5 outcome, 6 detail, 7 whether the attempt counts, 8 delay in ms, 9 whether the builder died over it,
 * 10 losses that quarantine, 11 whether the record keeps the attempt, 12 what it says about the registry,
 * 13 steps of its build and 14 those that were cached, or '', 15 whether no replica built the job, so that it is placed again.
 */
export const end = `
if state ~= 'running' or get(job, 'token') ~= ARGV[4] then return { 'stale' } end

if op == 'place' then
  expect('zset', aboard_key(places_of(job).replica), aboard_key(ARGV[5]))
  leave(job, places_of(job).replica)
  redis.call('HSET', job.key, 'replica:' .. get(job, 'attempt'), ARGV[5])
  board(job, ARGV[5])
  return { 'ok' }
end

-- What the keys take that say which job has pushed to the references beside the image.
local function newest_bytes(references)
  local bytes = 0
  for at = 2, #references do bytes = bytes + 250 + #base + #references[at] end
  return bytes
end

-- Notes for each reference that the job has pushed to it, unless a newer one has. Returns the id that it is noted under.
local function note_newest(job, references)
  local as, keys = job.id, image_keys(references, 'newest')
  if #keys == 0 then return as end
  -- A job that shares the build ends with it. None that is older may push to the tags of both after that.
  if #keys > 1 then
    for _, sharer in ipairs(redis.call('SMEMBERS', base .. 'sharers:' .. job.id)) do
      if sharer > as then as = sharer end
    end
  end
  local newest = redis.call('MGET', unpack(keys))
  for at, key in ipairs(keys) do
    if (newest[at] or '') < as then redis.call('SET', key, as, 'EX', #keys > 1 and 2592000 or 604800) end
  end
  return as
end

-- What the image and the function were last built from.
local function remember(job, references, pushed_as, body, base_images, cached)
  local key = base .. 'built:' .. get(job, 'flight')
  if #references > 0 then
    redis.call('HSET', key, 'key', get(job, 'build_key'), 'result', cached, 'job', pushed_as)
    redis.call('HDEL', key, 'base_images')
    if base_images then redis.call('HSET', key, 'base_images', base_images) end
    charge_expiring(get(job, 'tenant'), key, 500 + 2 * #key + #cached + #(base_images or '') + newest_bytes(references), 2592000000)
    redis.call('PEXPIRE', key, 2592000000)
  end
  remember_function(job, body, base_images)
end

-- Forgets the names that the tenant built longest ago, so that it chooses no more of them than it may.
local function bound_learned(tenant, expected)
  local learned = base .. 'learned:' .. tenant
  redis.call('ZADD', learned, now, expected)
  local extra = redis.call('ZCARD', learned) - ${learnedNames}
  if extra < 1 then return end
  local oldest = redis.call('ZPOPMIN', learned, extra)
  for at = 1, #oldest, 2 do
    redis.call('ZREM', base .. 'durations', oldest[at])
    redis.call('HDEL', base .. 'homes', oldest[at])
  end
end

-- How long it took, and where.
local function learn(job)
  local durations, expected = base .. 'durations', get(job, 'expected')
  local took = now - tonumber(get(job, 'attempt_at'))
  local before = redis.call('ZSCORE', durations, expected)
  redis.call('ZADD', durations, before and before * 0.6 + took * 0.4 or took, expected)
  for _, field in ipairs({ 'build_ms', 'build_ms:' .. pool_of(job) }) do
    local mean = tonumber(redis.call('HGET', base .. 'stats', field) or took)
    redis.call('HSET', base .. 'stats', field, mean * 0.95 + took * 0.05)
  end
  -- What the layers on a replica are worth: how builds at home and elsewhere compare with what was expected of them.
  -- Half is assumed until it is known.
  local replica, home = get(job, 'replica:' .. get(job, 'attempt')), redis.call('HGET', base .. 'homes', expected)
  if before and home then
    local field = home == replica and 'ratio_home' or 'ratio_away'
    local ratio = tonumber(redis.call('HGET', base .. 'stats', field) or (home == replica and '0.5' or '1'))
    redis.call('HSET', base .. 'stats', field, ratio * 0.8 + math.min(5, took / math.max(before, 1)) * 0.2)
  end
  redis.call('HSET', base .. 'homes', expected, replica)
  bound_learned(get(job, 'tenant'), expected)
end

if op == 'finish' then
  local to, outcome, detail, field, body = ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9]
  close_attempt(job, outcome, detail, ARGV[15], ARGV[16])
  local tenant = get(job, 'tenant')
  redis.call('HSET', job.key, field, body)
  grow(job.key, tenant, #body)
  if ARGV[12] ~= '' and has_room(tenant, value_bytes(#ARGV[13]), 1.25) then
    put_shared(tenant, ARGV[12], ARGV[13])
    list_shared(job, 'log_tail=' .. ARGV[12])
  end
  if to == 'succeeded' then
    -- Joining parts says nothing about building.
    if not get(job, 'parts') and get(job, 'attempt_at') then learn(job) end
    local references = references_of(job)
    remember(job, references, note_newest(job, references), body, ARGV[10] ~= '' and ARGV[10], ARGV[11])
  end
  settle(job, state, to)
  note_registry(job, ARGV[14])
  return { 'ok' }
end

if op == 'requeue' then
  local outcome, detail, spent, delay, died = ARGV[5], ARGV[6], ARGV[7] == '1', tonumber(ARGV[8]), ARGV[9] == '1'
  if spent then redis.call('HINCRBY', job.key, 'spent', 1) end
  if ARGV[11] == '1' then close_attempt(job, outcome, detail, ARGV[13], ARGV[14]) end
  -- The job does not wait for another attempt that would never begin.
  if get(job, 'cancel_requested') then
    if ARGV[11] ~= '1' then close_attempt(job, 'canceled', 'The job was canceled.') end
    settle_with(job, state, 'canceled', 'canceled', 'The job was canceled.')
    note_registry(job, ARGV[12])
    return { 'ok' }
  end
  local ended = died and count_loss(job, state, 'replica', tonumber(ARGV[10]))
  if ended then return ended end
  leave_running(job)
  if ARGV[11] ~= '1' then
    local number = get(job, 'attempt')
    if ARGV[15] == '1' then redis.call('HINCRBY', job.key, 'placements', 1) end
    redis.call('HDEL', job.key, 'start:' .. number, 'replica:' .. number)
  end
  back_to_queue(job, state, delay)
  note_registry(job, ARGV[12])
  return { 'ok' }
end

return redis.error_reply('unknown operation ' .. op)
`;

--- @include "jobs/include/lifecycle"
--- @include "jobs/include/home"
-- Records facts about the image, the function and its build time after a success.

-- Returns the bytes of the keys that say which job has pushed to the references beside the image.
local function newest_bytes(references)
  local bytes = 0
  for at = 2, #references do bytes = bytes + 250 + #base + #references[at] end
  return bytes
end

-- Records the job as the newest for each of its references, unless a newer job has pushed there. Returns the recorded id.
local function note_newest(job, references)
  local as, noted = job.id, newest_keys(references)
  if #noted == 0 then return as end
  -- Jobs that share the build end with it. No job older than the newest of them may push to their tags after that.
  if #noted > 1 then
    for _, identical in ipairs(redis.call('SMEMBERS', keys.identicalJobs(job.id))) do
      if identical > as then as = identical end
    end
  end
  local newest = redis.call('MGET', unpack(noted))
  for at, key in ipairs(noted) do
    if (newest[at] or '') < as then redis.call('SET', key, as, 'EX', #noted > 1 and 2592000 or 604800) end
  end
  return as
end

-- Records the build key and result of the image, and the last success of the function.
local function remember(job, references, pushed_as, built)
  local key = keys.built(get(job, 'flight'))
  if #references > 0 then
    redis.call('HSET', key, 'key', get(job, 'build_key'), 'result', built.cached, 'job', pushed_as)
    redis.call('HDEL', key, 'base_images', 'bases_hash', 'bases')
    if built.base_images then redis.call('HSET', key, 'base_images', built.base_images) end
    if built.bases then redis.call('HSET', key, 'bases_hash', built.bases_hash, 'bases', built.bases) end
    local bytes = 500 + 2 * #key + #built.cached + #(built.base_images or '') + #(built.bases or '') + newest_bytes(references)
    charge_expiring(get(job, 'tenant'), key, bytes, 2592000000)
    redis.call('PEXPIRE', key, 2592000000)
  end
  remember_function(job, built.body, built.base_images)
end

-- Removes the names that the tenant built longest ago, so that a tenant stores a limited number of names.
local function bound_learned(tenant, expected)
  local learned = keys.learned(tenant)
  redis.call('ZADD', learned, now, expected)
  local extra = redis.call('ZCARD', learned) - constants.learned_names
  if extra < 1 then return end
  local oldest = redis.call('ZPOPMIN', learned, extra)
  for at = 1, #oldest, 2 do
    redis.call('ZREM', keys.durations, oldest[at])
    redis.call('HDEL', keys.homeReplicas, oldest[at])
  end
end

-- Records the duration and the replica of the build.
local function learn(job)
  local durations, expected = keys.durations, get(job, 'expected')
  local took = now - tonumber(get(job, 'attempt_at'))
  local before = redis.call('ZSCORE', durations, expected)
  redis.call('ZADD', durations, before and before * 0.6 + took * 0.4 or took, expected)
  local replica = places_of(job).replica
  local home = home_of(expected)
  local of_pool, of_ratio = 'build_ms:' .. pool_of(job), home == replica and 'ratio_home' or 'ratio_away'
  local f = redis.call('HMGET', keys.stats, 'build_ms', of_pool, of_ratio)
  local function mean_of(value) return tonumber(value or took) * 0.95 + took * 0.05 end
  redis.call('HSET', keys.stats, 'build_ms', mean_of(f[1]), of_pool, mean_of(f[2]))
  -- The ratios compare builds on the home replica and on others with the expected time. Until there is a ratio, a build at home counts as half.
  if before and home then
    local ratio = tonumber(f[3] or (home == replica and '0.5' or '1'))
    redis.call('HSET', keys.stats, of_ratio, ratio * 0.8 + math.min(5, took / math.max(before, 1)) * 0.2)
  end
  set_home(expected, replica)
  bound_learned(get(job, 'tenant'), expected)
end

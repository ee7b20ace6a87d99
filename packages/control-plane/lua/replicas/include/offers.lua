--- @include "replicas/include/replica"
-- The index of free slots, which is derived from the records and the leases of replicas. It finds a replica without a look at all of them, and decides nothing: a replica
-- is read again before it gets a build.
--
-- `offers` has the entry of each replica: 'limit load class pool'. The class is the engine and the features, as far as they are known.
-- `room:<pool>:<class>` has the replicas with a free slot; score = load / limit.
-- `offers:pool:<pool>` has the sums of each class: '<class> replicas', '<class> limit' and '<class> load'. The load counts where the limit is not 0.
-- `offers:due` says when to read a replica again, because a time in its record ends, a lease ends, or a process of an earlier version may have changed it.

-- An entry is read again after this time.
local offer_kept_ms = 5000
-- A replica that no worker has announced for this time is gone. `registry.ts` has the same time.
local offer_gone_ms = 60000

local function parse_offer(url, entry)
  local limit, load, class, pool = string.match(entry or '', '^(%d+) (%d+) (%S+) (%S+)$')
  if not limit then return nil end
  local engine, features = string.match(class, '^([^/]*)/(.*)$')
  return { url = url, limit = tonumber(limit), load = tonumber(load), class = class, engine = engine, features = features, pool = pool }
end

-- Returns the number of leases, and when the first of them ends.
local function leases_of(url)
  local key = keys.slots(url)
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  if first[1] and tonumber(first[2]) <= now then
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
    first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  end
  if not first[1] then return 0 end
  return redis.call('ZCARD', key), tonumber(first[2])
end

-- Returns a replica as its record and its leases say: what it takes now, and until when that is valid. Returns nil for a replica that is gone.
local function read_replica(url)
  local f = redis.call('HMGET', keys.replica(url), 'configured', 'learned', 'open_until', 'draining', 'health', 'engine', 'engine_until',
    'readiness', 'readiness_until', 'features', 'starting', 'leaving', 'pool')
  local named = tonumber(redis.call('ZSCORE', keys.replicas, url) or '0')
  if not f[1] or named < now - offer_gone_ms then return nil end
  local due = math.min(now + offer_kept_ms, named + offer_gone_ms + 1)
  local function is_ahead(text)
    local at = tonumber(text or '0')
    if at > now then due = math.min(due, at) end
    return at > now
  end
  local limit = limit_of(f)
  if is_ahead(f[3]) then limit = 0 elseif tonumber(f[3] or '0') > 0 then limit = 1 end
  is_ahead(f[9])
  if f[4] or f[12] or not answers(f[5], f[11]) or not takes_builds(f[8], f[9]) then limit = 0 end
  local is_known = is_ahead(f[7])
  local engine, features = is_known and f[6] or 'unknown', is_known and f[10] or '?'
  local load, first_end = leases_of(url)
  is_ahead(first_end)
  return { url = url, limit = limit, load = load, class = engine .. '/' .. features, engine = engine, features = features, pool = f[13] or 'default', due = due }
end

local function load_in_sums(r) return r.limit > 0 and r.load or 0 end

-- Adds numbers to the sums of a class.
local function add_to_sums(r, replicas, limit, load)
  local sums = keys.offersOfPool(r.pool)
  if limit ~= 0 then redis.call('HINCRBY', sums, r.class .. ' limit', limit) end
  if load ~= 0 then redis.call('HINCRBY', sums, r.class .. ' load', load) end
  if replicas ~= 0 and redis.call('HINCRBY', sums, r.class .. ' replicas', replicas) < 1 then
    redis.call('HDEL', sums, r.class .. ' limit', r.class .. ' load', r.class .. ' replicas')
  end
end

-- Writes the entry of a replica, or removes it when `r` is nil. Returns whether it was another one before.
local function write_offer(url, r)
  local entry = r and r.entry or redis.call('HGET', keys.offers, url)
  local written = r and string.format('%d %d %s %s', r.limit, r.load, r.class, r.pool) or false
  if r then r.entry = written end
  if entry == written then return false end
  local before = parse_offer(url, entry)
  if before and r and before.class == r.class and before.pool == r.pool then
    add_to_sums(r, 0, r.limit - before.limit, load_in_sums(r) - load_in_sums(before))
  else
    if before then
      add_to_sums(before, -1, -before.limit, -load_in_sums(before))
      redis.call('ZREM', keys.room(before.pool, before.class), url)
    end
    if r then add_to_sums(r, 1, r.limit, load_in_sums(r)) end
  end
  if not r then
    redis.call('HDEL', keys.offers, url)
    redis.call('ZREM', keys.offersDue, url)
    return true
  end
  redis.call('HSET', keys.offers, url, written)
  if r.due ~= r.written_due then redis.call('ZADD', keys.offersDue, whole(r.due), url) end
  r.written_due = r.due
  if r.load < r.limit then
    redis.call('ZADD', keys.room(r.pool, r.class), r.load / r.limit, url)
  else
    redis.call('ZREM', keys.room(r.pool, r.class), url)
  end
  return true
end

-- Reads a replica again, and writes its entry. Returns the replica, or nil when it is gone.
local function offer(url)
  local r = read_replica(url)
  if not write_offer(url, r) then
    if r then redis.call('ZADD', keys.offersDue, whole(r.due), url) else redis.call('ZREM', keys.offersDue, url) end
  end
  return r
end

-- Reads replicas again whose time has come.
local function offer_due(count)
  for _, url in ipairs(redis.call('ZRANGEBYSCORE', keys.offersDue, '-inf', whole(now), 'LIMIT', 0, count)) do offer(url) end
end

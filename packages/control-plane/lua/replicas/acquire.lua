--- @include "replicas/include/offers"
-- Takes slots for builds, the first build first. The cost does not depend on the number of replicas.
-- Arguments: ms that leases live, the reported engines that isolate builds, and builds, nine texts each: its lease, its pool, 1 for a suspect, the replica that has its
-- layers or '', 1 to take only that replica while it is usable, 1 when the build needs isolation, a feature that it needs or '', the replicas that it prefers, and the
-- replicas that it must not get. Both lists are addresses with spaces between them. The worker, and the pools for which other builds of it wait.
-- Returns for each build {url, builds on the replica now}, or without a slot {'', patience, the lack of every replica of the pool: 'isolation', 'feature' or ''}.
--
-- A build gets the first of the replicas that it prefers with room and no more than its fair share of all builds plus one (consistent hashing with bounded loads), else
-- the replica of the pool with the smallest load for its limit. A replica with an open circuit gets no build; once its time is up, it gets one build as a probe. A replica
-- that the last health check found broken or draining gets no build, nor does a pod that Kubernetes ends, or that is not ready and has answered no health check yet. A
-- suspect never shares a replica with another suspect. A build that needs isolation gets no replica with another engine or of unknown engine. A build that needs a feature
-- gets no replica that did not report it.
-- Patience is the ms to wait for the replica with the layers: four times the time that a build there saves, at most three seconds.

-- The freest replicas that are looked at. Replicas that a build must not get count extra. There are fewer suspects than workers.
local freest = 32
offer_due(8)

local isolates = {}
for _, engine in ipairs(args.isolated_engines) do isolates[engine] = true end

local builds, preferred = {}, {}
for i = 1, #args.builds, 9 do
  local lease, pool, suspect, home, only_home, isolation, feature, preference, except = unpack(args.builds, i, i + 8)
  local build = { lease = lease, pool = pool, home = home, feature = feature, preference = {}, except = {}, excepted = 0 }
  build.suspect, build.only_home, build.isolation = suspect == '1', only_home == '1', isolation == '1'
  for url in string.gmatch(preference, '%S+') do
    build.preference[#build.preference + 1] = url
    preferred[#preferred + 1] = url
  end
  for url in string.gmatch(except, '%S+') do
    build.except[url] = true
    build.excepted = build.excepted + 1
  end
  builds[#builds + 1] = build
end

-- The entries of the replicas that builds prefer. An entry may be old, so it is read again before a build gets its replica.
local entries = {}
for from = 1, #preferred, 1000 do
  local urls = { unpack(preferred, from, math.min(from + 999, #preferred)) }
  for at, entry in ipairs(redis.call('HMGET', keys.offers, unpack(urls))) do entries[urls[at]] = parse_offer(urls[at], entry) end
end

-- The replicas that were read in this call, and those of them that got builds since their entries were written.
local read, granted, sums_of_pool = {}, {}, {}

local function write_granted()
  for _, r in ipairs(granted) do
    write_offer(r.url, r)
    r.is_granted = nil
  end
  granted = {}
end

local function replica_at(url)
  if read[url] == nil then
    local r = read_replica(url)
    if write_offer(url, r) then
      write_granted()
      sums_of_pool = {}
    end
    read[url] = r or false
  end
  return read[url]
end

-- Returns the classes of a pool with their sums, in a fixed order.
local function classes_of(pool)
  if sums_of_pool[pool] then return sums_of_pool[pool] end
  local flat, by_class, list = redis.call('HGETALL', keys.offersOfPool(pool)), {}, {}
  for i = 1, #flat, 2 do
    local class, engine, features, of = string.match(flat[i], '^(([^/]*)/(%S*)) (%a+)$')
    if not by_class[class] then
      by_class[class] = { class = class, engine = engine, features = features, limit = 0, load = 0 }
      list[#list + 1] = by_class[class]
    end
    by_class[class][of] = tonumber(flat[i + 1])
  end
  table.sort(list, function(a, b) return a.class < b.class end)
  sums_of_pool[pool] = list
  return list
end

-- Both take a class or a replica.
local function is_isolated(of) return isolates[of.engine] end

local function has_feature(of, feature)
  return feature == '' or string.find(of.features, ',' .. feature .. ',', 1, true) ~= nil
end

local function fits(build, of) return (is_isolated(of) or not build.isolation) and has_feature(of, build.feature) end

-- Returns the lack that every replica of the pool has, or ''. A replica whose engine or features are unknown may still be able to build.
local function impossible(build)
  local found, all_share_machine = false, true
  for _, of in ipairs(classes_of(build.pool)) do
    local shares_machine = build.isolation and of.engine ~= 'unknown' and not is_isolated(of)
    if not shares_machine and (has_feature(of, build.feature) or of.features == '?') then return '' end
    all_share_machine = all_share_machine and shares_machine
    found = true
  end
  if not found then return '' end
  return all_share_machine and 'isolation' or 'feature'
end

local function has_suspect(r)
  r.suspect_count = r.suspect_count or live(keys.suspectSlots(r.url))
  return r.suspect_count > 0
end

local function is_usable(build, r)
  return r and r.limit > 0 and r.pool == build.pool and not build.except[r.url] and fits(build, r) and not (build.suspect and has_suspect(r))
end

local function has_room(build, r) return is_usable(build, r) and r.load < r.limit end

local function first_in_share(build, home)
  local load, limit = 0, 0
  for _, of in ipairs(classes_of(build.pool)) do
    if fits(build, of) then load, limit = load + of.load, limit + of.limit end
  end
  for _, url in ipairs(build.preference) do
    if has_room(build, read[url] or entries[url]) then
      local r = replica_at(url)
      if has_room(build, r) and (r == home or r.load <= math.ceil((load + 1) * r.limit / math.max(limit, r.limit))) then return r end
    end
  end
end

-- Returns the replica with room that has the smallest load for its limit.
local function freest_of(build)
  local best
  write_granted()
  for _, of in ipairs(classes_of(build.pool)) do
    local urls = fits(build, of) and redis.call('ZRANGE', keys.room(build.pool, of.class), 0, freest + build.excepted - 1) or {}
    for _, url in ipairs(urls) do
      local r = not build.except[url] and replica_at(url)
      if has_room(build, r) then
        if not best or r.load / r.limit < best.load / best.limit then best = r end
        break
      end
    end
  end
  return best
end

local function choose(build)
  local home = build.home ~= '' and replica_at(build.home) or nil
  if build.only_home and is_usable(build, home) then return home.load < home.limit and home or nil end
  return first_in_share(build, home) or freest_of(build)
end

local patience

local function worth_waiting()
  if not patience then
    local stats = redis.call('HMGET', keys.stats, 'build_ms', 'ratio_home', 'ratio_away')
    local saved = tonumber(stats[3] or '1') - tonumber(stats[2] or '0.5')
    patience = math.floor(math.max(0, math.min(3000, 4 * saved * tonumber(stats[1] or '0'))))
  end
  return patience
end

local function grant(build, r)
  r.load = r.load + 1
  r.due = math.min(r.due, now + args.ttl_ms)
  if not r.is_granted then
    r.is_granted = true
    granted[#granted + 1] = r
  end
  for _, of in ipairs(classes_of(build.pool)) do
    if of.class == r.class then of.load = of.load + 1 end
  end
  redis.call('ZADD', keys.slots(r.url), now + args.ttl_ms, build.lease)
  if not r.is_kept then keep_leases(keys.slots(r.url), args.ttl_ms) end
  r.is_kept = true
  if build.suspect then
    r.suspect_count = 1
    redis.call('ZADD', keys.suspectSlots(r.url), now + args.ttl_ms, build.lease)
    keep_leases(keys.suspectSlots(r.url), args.ttl_ms)
  end
end

local replies = {}
for i, build in ipairs(builds) do
  local r = choose(build)
  if r then grant(build, r) end
  replies[i] = r and { r.url, r.load } or { '', worth_waiting(), impossible(build) }
end
write_granted()

-- The worker is woken when a slot comes free.
local waiting = {}
for _, pool in ipairs(args.waiting) do waiting[#waiting + 1] = pool end
for i, build in ipairs(builds) do
  if replies[i][1] == '' then waiting[#waiting + 1] = build.pool end
end
local noted = {}
for _, pool in ipairs(waiting) do
  if not noted[pool] and args.worker ~= '' then
    noted[pool] = true
    redis.call('ZADD', keys.waiting(pool), 'NX', now, args.worker)
    redis.call('PEXPIRE', keys.waiting(pool), 60000)
  end
end
return replies

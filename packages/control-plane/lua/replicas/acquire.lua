--- @include "replicas/include/replica"
-- Takes slots for builds, the first build first.
-- Arguments: ms that leases live, addresses of replicas, the reported engines that isolate builds, and builds, seven texts each: its lease, 1 for a suspect, the number of the replica that has its layers
-- or 0, 1 to take only that replica while it is usable, 1 when the build needs isolation, a feature that it needs or '', and the numbers of the replicas by
-- preference, separated by commas.
-- Returns for each build {url, builds on the replica now}, or without a slot {'', patience, the lack of every replica: 'isolation', 'feature' or ''}.
--
-- A build gets the first replica with room that has no more than its fair share of all builds plus one (consistent hashing with bounded loads), else the first with
-- room. A replica with an open circuit gets no build; once its time is up, it gets one build as a probe. A replica that the last health check found broken or draining
-- gets no build, nor does a pod that Kubernetes ends, or that is not ready and has answered no health check yet. A suspect never shares a replica with another suspect. A build that needs isolation gets no replica with another engine or of unknown engine. A build
-- that needs a feature gets no replica that did not report it.
-- Patience is the ms to wait for the replica with the layers: four times the time that a build there saves, at most three seconds.
local replicas, patience = {}, nil

for i, url in ipairs(args.urls) do
  local f = redis.call('HMGET', keys.replica(url), 'configured', 'learned', 'open_until', 'draining', 'health', 'engine', 'engine_until',
    'readiness', 'readiness_until', 'features', 'starting', 'leaving')
  local open_until, limit = tonumber(f[3] or '0'), limit_of(f)
  if open_until > 0 then limit = open_until > now and 0 or 1 end
  -- Without a record its limit is unknown: it was not announced yet, or is gone.
  if not f[1] or f[4] or f[12] or not answers(f[5], f[11]) or not takes_builds(f[8], f[9]) then limit = 0 end
  local engine = tonumber(f[7] or '0') > now and f[6] or 'unknown'
  local features = tonumber(f[7] or '0') > now and f[10] or nil
  replicas[i] = { url = url, load = live(keys.slots(url)), limit = limit, engine = engine, features = features }
end

local isolates = {}
for _, engine in ipairs(args.isolated_engines) do isolates[engine] = true end

local function is_isolated(r) return isolates[r.engine] end

local function has_feature(r, feature)
  return feature == '' or (r.features and string.find(r.features, ',' .. feature .. ',', 1, true) ~= nil)
end

-- Returns the lack that every replica has, or ''. A replica whose engine or features are unknown may still be able to build.
local function impossible(isolation, feature, order)
  local found, all_share_machine = false, true
  for number in string.gmatch(order, '%d+') do
    local r = replicas[tonumber(number)]
    local shares_machine = isolation and r.engine ~= 'unknown' and not is_isolated(r)
    if not shares_machine and (has_feature(r, feature) or not r.features) then return '' end
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

local function choose(suspect, home, only_home, isolation, feature, order)
  local usable, builds, capacity, home_usable = {}, 0, 0, false
  for number in string.gmatch(order, '%d+') do
    local r = replicas[tonumber(number)]
    if r.limit > 0 and not (suspect and has_suspect(r)) and (is_isolated(r) or not isolation) and has_feature(r, feature) then
      usable[#usable + 1] = r
      home_usable = home_usable or r == home
      builds = builds + r.load
      capacity = capacity + r.limit
    end
  end
  local second
  for _, r in ipairs(usable) do
    if r.load < r.limit and (r == home or not (only_home and home_usable)) then
      local share = math.ceil((builds + 1) * r.limit / capacity)
      if r.load <= share or r == home then return r end
      second = second or r
    end
  end
  return second
end

local function worth_waiting()
  if not patience then
    local stats = redis.call('HMGET', keys.stats, 'build_ms', 'ratio_home', 'ratio_away')
    local saved = tonumber(stats[3] or '1') - tonumber(stats[2] or '0.5')
    patience = math.floor(math.max(0, math.min(3000, 4 * saved * tonumber(stats[1] or '0'))))
  end
  return patience
end

local replies = {}
for i = 1, #args.builds, 7 do
  local lease, suspect, home, only_home, isolation, feature, order = unpack(args.builds, i, i + 6)
  suspect, home, only_home, isolation = suspect == '1', replicas[tonumber(home)], only_home == '1', isolation == '1'
  local chosen = choose(suspect, home, only_home, isolation, feature, order)
  if chosen then
    chosen.load = chosen.load + 1
    redis.call('ZADD', keys.slots(chosen.url), now + args.ttl_ms, lease)
    keep_leases(keys.slots(chosen.url), args.ttl_ms)
    if suspect then
      chosen.suspect_count = 1
      redis.call('ZADD', keys.suspectSlots(chosen.url), now + args.ttl_ms, lease)
      keep_leases(keys.suspectSlots(chosen.url), args.ttl_ms)
    end
    replies[#replies + 1] = { chosen.url, chosen.load }
  else
    replies[#replies + 1] = { '', worth_waiting(), impossible(isolation, feature, order) }
  end
end
return replies

/**
 * What the scripts of the ledger share. Times are milliseconds by Redis' clock.
 *
 * A replica is a hash: `configured` (0 when nobody said), `learned` (the limit as far as it is known), `proven` (the most
 * builds that it was seen to take at once), `busy_streak` (refusals in a row), `hold_until` and `hold` (no increase
 * before), `failures` (faults in a row), `open_until` and `opens` (its circuit), `draining`, `health`, `engine` and `features` (what it reported) and
 * `engine_until` (until when both count; features are a list with a comma around each, and absent while unknown), `readiness` (ready, full, broken or draining), `readiness_reason` and `readiness_until`.
 * Its leases are a sorted set, lease → expiry; those of suspects are in a second one as well.
 */
const prelude = `
local base = ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function replica_key(url) return base .. 'replica:' .. url end
local function slots_key(url) return base .. 'slots:' .. url end
local function suspects_key(url) return base .. 'suspects:' .. url end

local function live(key)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  return redis.call('ZCARD', key)
end

local function limit_of(fields)
  local configured = tonumber(fields[1] or '0')
  local learned = math.floor(tonumber(fields[2] or '0'))
  if learned < 1 then learned = configured > 0 and configured or 4 end
  if configured > 0 and learned > configured then return configured end
  return learned
end

-- A full replica is no matter here: the ledger knows how full it is.
local function takes_builds(readiness, readiness_until)
  return tonumber(readiness_until or '0') <= now or (readiness ~= 'broken' and readiness ~= 'draining')
end
`;

/**
 * ARGV: 1 base, 2 milliseconds that leases live, 3 how many replicas, 4… their addresses, then for each build that wants a slot
 * seven: its lease, whether the job is a suspect, the number of the replica that has its layers or 0, whether only that one will do
 * while it is usable, whether it needs isolation, a feature that it needs or '', and the numbers of the replicas by preference, with commas between.
 *
 * Takes a slot on the first replica that has room and no more than its fair share of all builds plus one (consistent
 * hashing with bounded loads), else on the first that has room. A replica whose circuit is open is passed over; once
 * its time is up, it gets one build as a probe. A replica whose last health check found it broken or draining gets none. A suspect never shares a replica with another suspect. A build that needs isolation gets no replica
 * with buildah, and none whose engine is unknown. A build that needs a feature gets no replica that did not report it.
 * Returns for each {url, builds it has now}, or when there is no room {'', patience, why no replica can ever build it}:
 * 'isolation' when all have buildah, 'feature' when none has the feature, or none both the feature and isolation, else ''.
 * the milliseconds for which the replica with the layers is worth waiting for, four times what building there has been found to
 * save, and at most three seconds.
 */
export const acquireLua = `${prelude}
local ttl, count = tonumber(ARGV[2]), tonumber(ARGV[3])
local replicas, patience = {}, nil

for i = 1, count do
  local url = ARGV[3 + i]
  local f = redis.call('HMGET', replica_key(url), 'configured', 'learned', 'open_until', 'draining', 'health', 'engine', 'engine_until',
    'readiness', 'readiness_until', 'features')
  local open_until, limit = tonumber(f[3] or '0'), limit_of(f)
  if open_until > 0 then limit = open_until > now and 0 or 1 end
  if f[4] or f[5] == 'down' or not takes_builds(f[8], f[9]) then limit = 0 end
  local engine = tonumber(f[7] or '0') > now and f[6] or 'unknown'
  local features = tonumber(f[7] or '0') > now and f[10] or nil
  replicas[i] = { url = url, load = live(slots_key(url)), limit = limit, engine = engine, features = features }
end

local function is_isolated(r) return r.engine == 'buildkit' or r.engine == 'unreported' end

local function has_feature(r, feature)
  return feature == '' or (r.features and string.find(r.features, ',' .. feature .. ',', 1, true) ~= nil)
end

-- What is not known yet of a replica may turn out well.
local function impossible(isolation, feature, order)
  local found, all_share_machine = false, true
  for number in string.gmatch(order, '%d+') do
    local r = replicas[tonumber(number)]
    local shares_machine = isolation and r.engine == 'buildah'
    if not shares_machine and (has_feature(r, feature) or not r.features) then return '' end
    all_share_machine = all_share_machine and shares_machine
    found = true
  end
  if not found then return '' end
  return all_share_machine and 'isolation' or 'feature'
end

local function has_suspect(r)
  r.suspects = r.suspects or live(suspects_key(r.url))
  return r.suspects > 0
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
    local stats = redis.call('HMGET', base .. 'stats', 'build_ms', 'ratio_home', 'ratio_away')
    local saved = tonumber(stats[3] or '1') - tonumber(stats[2] or '0.5')
    patience = math.floor(math.max(0, math.min(3000, 4 * saved * tonumber(stats[1] or '0'))))
  end
  return patience
end

local replies = {}
for i = 4 + count, #ARGV, 7 do
  local lease, suspect, home, only_home = ARGV[i], ARGV[i + 1] == '1', replicas[tonumber(ARGV[i + 2])], ARGV[i + 3] == '1'
  local isolation, feature, order = ARGV[i + 4] == '1', ARGV[i + 5], ARGV[i + 6]
  local chosen = choose(suspect, home, only_home, isolation, feature, order)
  if chosen then
    chosen.load = chosen.load + 1
    redis.call('ZADD', slots_key(chosen.url), now + ttl, lease)
    if suspect then
      chosen.suspects = 1
      redis.call('ZADD', suspects_key(chosen.url), now + ttl, lease)
    end
    replies[#replies + 1] = { chosen.url, chosen.load }
  else
    replies[#replies + 1] = { '', worth_waiting(), impossible(isolation, feature, order) }
  end
end
return replies
`;

/** ARGV: 1 base, 2 url, 3 engine, 4 milliseconds for which it counts, 5 features with a comma around each, '' for unknown. */
export const engineLua = `${prelude}
redis.call('HSET', replica_key(ARGV[2]), 'engine', ARGV[3], 'engine_until', now + tonumber(ARGV[4]))
if ARGV[5] == '' then
  redis.call('HDEL', replica_key(ARGV[2]), 'features')
else
  redis.call('HSET', replica_key(ARGV[2]), 'features', ARGV[5])
end
`;

/**
 * ARGV: 1 base, 2 url, 3 readiness, 4 reason, 5 milliseconds for which it counts.
 *
 * Notes that the replica answers, and how ready it is. When a broken replica is ready again, its circuit lets a probe through at once.
 * Returns the readiness before, or '' when none counted.
 */
export const readinessLua = `${prelude}
local key, readiness = replica_key(ARGV[2]), ARGV[3]
local f = redis.call('HMGET', key, 'readiness', 'readiness_until', 'open_until')
local before = tonumber(f[2] or '0') > now and f[1] or ''
redis.call('HSET', key, 'health', 'up', 'readiness', readiness, 'readiness_reason', ARGV[4], 'readiness_until', now + tonumber(ARGV[5]))
if before == 'broken' and readiness == 'ready' and tonumber(f[3] or '0') > now then
  redis.call('HSET', key, 'open_until', now)
end
return before
`;

/** ARGV: 1 base, 2 milliseconds, 3 lease, 4 url, 5 lease, 6 url, … Renews what is still held; returns the leases that are not. */
export const renewLua = `${prelude}
local ttl, lost = tonumber(ARGV[2]), {}
for i = 3, #ARGV, 2 do
  local lease, url = ARGV[i], ARGV[i + 1]
  if redis.call('ZSCORE', slots_key(url), lease) then
    redis.call('ZADD', slots_key(url), 'XX', now + ttl, lease)
    redis.call('ZADD', suspects_key(url), 'XX', now + ttl, lease)
  else
    lost[#lost + 1] = lease
  end
end
return lost
`;

/**
 * ARGV: 1 base, 2 lease, 3 url, 4 outcome, 5 builds the replica had when the slot was taken, 6 who gives it back.
 *
 * Gives the slot back, says on the channel `freed` who did, and learns from how the call ended:
 * `ok`: the replica did its work (whether the build succeeded or not). It has proven to take as many builds at once,
 *   and when it was full, its limit grows by one a round, up to what is configured, or 16.
 * `busy`: it refused. When it had never taken as many, or refused three times in a row, that was one too many, and the
 *   limit stays below it for a while: five seconds at first, and when the next try ends the same, a minute, doubled each
 *   time up to ten.
 * `fault`: it was not reached, broke off or spoke nonsense. After three in a row its circuit opens for two seconds,
 *   doubled each time up to a minute; a failed probe opens it again at once.
 * `broken`: it answered that its engine is dead. Its circuit opens at once.
 * `draining`: it takes no more builds, which is no fault. It gets none until its next health check.
 * `none`: nothing can be said (the build was stopped by us).
 * A circuit that opens or closes is told of on the event stream. Returns `opened`, `closed` or ''.
 */
export const releaseLua = `${prelude}
local lease, url, outcome, taken = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local key = replica_key(url)
redis.call('ZREM', slots_key(url), lease)
redis.call('ZREM', suspects_key(url), lease)
redis.call('PUBLISH', base .. 'freed', ARGV[6])
if outcome == 'none' then return '' end

local f = redis.call('HMGET', key, 'configured', 'learned', 'proven', 'busy_streak', 'hold_until', 'hold', 'failures', 'open_until', 'opens', 'cut_to')
local limit = limit_of(f)
local learned = math.max(tonumber(f[2] or '0'), 0)
if learned < 1 then learned = limit end
local function announce(type)
  redis.call('XADD', base .. 'events', '*', 'type', type, 'replica', url, 'at', string.format('%.0f', now))
end

if outcome == 'ok' then
  local ceiling = tonumber(f[1] or '0')
  if ceiling < 1 then ceiling = 16 end
  local proven = math.max(tonumber(f[3] or '0'), taken)
  if taken >= math.floor(learned) and learned < ceiling and now >= tonumber(f[5] or '0') then
    learned = math.min(ceiling, math.floor(learned) + 1)
  end
  redis.call('HSET', key, 'learned', learned, 'proven', proven, 'busy_streak', 0, 'failures', 0)
  redis.call('HINCRBY', key, 'builds', 1)
  if tonumber(f[8] or '0') > 0 then
    redis.call('HDEL', key, 'open_until', 'opens')
    announce('builder.circuit_closed')
    return 'closed'
  end
  return ''
end

if outcome == 'busy' then
  local streak = redis.call('HINCRBY', key, 'busy_streak', 1)
  redis.call('HINCRBY', key, 'refusals', 1)
  local unproven = taken > 1 and taken > tonumber(f[3] or '0')
  if unproven or streak >= 3 then
    local lower = math.max(1, math.min(math.floor(learned), taken - 1))
    local confirmed = tonumber(f[10] or '0') == lower
    local hold = confirmed and math.min(600000, math.max(60000, tonumber(f[6] or '0') * 2)) or 5000
    redis.call('HSET', key, 'learned', lower, 'cut_to', lower, 'hold', hold, 'hold_until', now + hold)
    redis.call('HSET', key, 'proven', math.min(tonumber(f[3] or '0'), lower), 'busy_streak', 0)
  end
  return ''
end

if outcome == 'draining' then
  redis.call('HSET', key, 'readiness', 'draining', 'readiness_reason', '', 'readiness_until', now + 5000)
  return ''
end

local failures = redis.call('HINCRBY', key, 'failures', 1)
redis.call('HINCRBY', key, 'faults', 1)
local open_until = tonumber(f[8] or '0')
local probing = open_until > 0
if failures < 3 and not probing and outcome ~= 'broken' then return '' end
-- Builds that began before it opened say nothing new.
if open_until > now then return '' end
local opens = redis.call('HINCRBY', key, 'opens', 1)
redis.call('HSET', key, 'open_until', now + math.min(60000, 2000 * 2 ^ (opens - 1)), 'failures', 0)
if probing then return '' end
announce('builder.circuit_opened')
return 'opened'
`;

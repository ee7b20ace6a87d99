--- @include "replicas/include/offers"
--- @include "events/include/append"
--- @include "replicas/include/wake"
-- Frees a slot, wakes a worker that waits for one, and updates limit and circuit of the replica by the outcome of the call.
-- Arguments: lease, address, outcome, builds on the replica when the slot was taken, the worker that frees it, whether this worker asks
-- for the slot at once, so that no other is woken.
-- Returns 'opened' or 'closed' when the circuit of the replica changed, else ''. A change is also an event in the stream.
--
-- `ok`: the replica did its work, whether the build succeeded or not. This proves that it takes as many builds at once. When it was full, its limit grows by one a
--   round, up to the configured limit, or 16.
-- `busy`: the replica refused the build. When it had never taken as many builds, or refused three times in a row, the limit drops below that number for a while: five
--   seconds at first, and after another refusal a minute, doubled each time up to ten.
-- `fault`: the replica was unreachable, closed the connection early or sent an invalid answer. After three faults in a row its circuit opens for two seconds, doubled
--   each time up to a minute. A failed probe opens it again at once.
-- `broken`: the replica answered that its engine is dead. Its circuit opens at once.
-- `draining`: the replica takes no more builds, which is not a fault. It gets no build for five seconds, and for as long as its health checks find that it drains.
-- `none`: the call says nothing about the replica (Slipway stopped the build).
local key, taken, outcome = keys.replica(args.url), args.taken, args.outcome

-- Updates the record by the outcome. Returns the change of the circuit.
local function note_outcome()
  -- The end of a build says nothing about a replica that is gone.
  if outcome == 'none' or redis.call('EXISTS', key) == 0 then return '' end

  local f = redis.call('HMGET', key, 'configured', 'learned', 'proven', 'busy_streak', 'hold_until', 'hold', 'failures', 'open_until', 'opens', 'cut_to')
  local limit = limit_of(f)
  local learned = math.max(tonumber(f[2] or '0'), 0)
  if learned < 1 then learned = limit end
  local function announce(type)
    append_event({ 'type', type, 'replica', args.url, 'at', whole(now) }, { keys.builderChannel })
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
    -- A report that it takes no builds stays, because the health checks record a finding that has not changed only after a while.
    local known = redis.call('HMGET', key, 'readiness', 'readiness_until')
    if takes_builds(known[1], tonumber(known[2] or '0') - 5000) then
      redis.call('HSET', key, 'readiness', 'draining', 'readiness_reason', '', 'readiness_until', now + 5000)
    end
    return ''
  end

  local failures = redis.call('HINCRBY', key, 'failures', 1)
  redis.call('HINCRBY', key, 'faults', 1)
  local open_until = tonumber(f[8] or '0')
  local probing = open_until > 0
  if failures < 3 and not probing and outcome ~= 'broken' then return '' end
  -- Builds that began before the circuit opened give no new information.
  if open_until > now then return '' end
  local opens = redis.call('HINCRBY', key, 'opens', 1)
  redis.call('HSET', key, 'open_until', now + math.min(60000, 2000 * 2 ^ (opens - 1)), 'failures', 0)
  if probing then return '' end
  announce('builder.circuit_opened')
  return 'opened'
end

redis.call('ZREM', keys.slots(args.url), args.lease)
redis.call('ZREM', keys.suspectSlots(args.url), args.lease)
local change = note_outcome()
local replica = offer(args.url)
if replica and replica.load < replica.limit and not args.is_used then wake(replica.pool, args.url, args.worker) end
return change

/** What all operations share: the arguments, the clock, and the steps that changes are made of. */
export const prelude = `
local record, events, undispatched, log = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local base, op, id = ARGV[1], ARGV[2], ARGV[3]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function clock(ms) return string.format('%.0f', ms) end
local function get(field) return redis.call('HGET', record, field) end

local function change(from, to, type)
  local version = redis.call('HINCRBY', record, 'version', 1)
  redis.call('HSET', record, 'state', to)
  if from ~= to then
    if from then redis.call('ZREM', base .. 'index:state:' .. from, id) end
    redis.call('ZADD', base .. 'index:state:' .. to, 0, id)
  end
  redis.call('XADD', events, '*', 'type', type, 'job', id, 'state', to, 'version', version, 'at', clock(now))
end

-- Two builds that push to one image reference never run at once; the key holds the id of the job that runs.
local function image_key(what)
  local image = get('pushes_to')
  return image and base .. 'image:' .. what .. ':' .. image
end

local function image_busy()
  local key = image_key('running')
  local holder = key and redis.call('GET', key)
  return holder and holder ~= id
end

local function leave_running()
  local key = image_key('running')
  if key and redis.call('GET', key) == id then redis.call('DEL', key) end
  redis.call('HDEL', record, 'token')
end

local function settle(from, to)
  leave_running()
  redis.call('HSET', record, 'finished_at', clock(now))
  redis.call('HDEL', record, 'retry_at')
  redis.call('ZREM', undispatched, id)
  redis.call('PEXPIRE', log, 300000)
  change(from, to, 'job.' .. to)
end

local function settle_with(from, to, code, detail)
  -- An empty table would be encoded as an object.
  local text = cjson.encode({ code = code, detail = detail })
  redis.call('HSET', record, 'error', string.sub(text, 1, -2) .. ',"log_tail":[]}')
  settle(from, to)
  return { 'terminal', to }
end

local function close_attempt(outcome, detail)
  redis.call('HSET', record, 'end:' .. get('attempt'), cjson.encode({ at = now, outcome = outcome, detail = detail }))
end

local function back_to_queue(from, delay)
  leave_running()
  redis.call('HSET', record, 'queued_at', clock(now + delay))
  if delay > 0 then redis.call('HSET', record, 'retry_at', clock(now + delay)) end
  change(from, 'queued', 'job.requeued')
end

-- The worker or builder died over this job; after the last time that is allowed the job ends.
local function count_loss(from, max_lost)
  if redis.call('HINCRBY', record, 'lost', 1) < max_lost then return nil end
  return settle_with(from, 'failed', 'quarantined', 'Its worker or builder died ' .. max_lost .. ' times while it ran.')
end

local state = get('state')
`;

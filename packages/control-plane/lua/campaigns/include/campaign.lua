--- @include "jobs/include/batch"
-- A campaign: functions that are built in waves. Each wave is a batch, which is a draft until its wave begins.
--
-- The hash `keys.campaign(id)` has its options and totals, `batches` (the ids of the batches in the order of the waves) and these fields that change:
--   wave          number of the current wave
--   compared      number of the last wave whose results are recorded
--   paused_at     with `paused_by`, while it is paused; `paused_ms` is the sum of earlier pauses
--   canceled_at   it was canceled
--   finished_at   all its jobs have ended, and their results are recorded
--   changed, unchanged, unknown, failed, canceled    counts of the recorded results
-- The leading worker records the results of a wave that has ended, then begins the next one. Each of these steps names its wave, so repeating it changes nothing.

-- Milliseconds that an ended campaign is kept.
local kept_ms = 2592000000

local campaign = { id = args.id, key = keys.campaign(args.id), functions = keys.campaignFunctions(args.id), results = keys.campaignResults(args.id) }

local function field(name) return redis.call('HGET', campaign.key, name) end

-- Returns the batches of the waves, in their order.
local function waves_of(text)
  local list = {}
  for _, id in ipairs(words_of(text)) do list[#list + 1] = batch_at(id) end
  return list
end

local function has_ended(batch)
  local f = redis.call('HMGET', batch.key, 'tenant', 'finished_at')
  -- A batch that an operator removed has ended.
  return not f[1] or f[2]
end

-- Begins a wave. Does nothing when its batch has begun, or was canceled.
local function begin_wave(batch)
  if redis.call('EXISTS', batch.key) == 1 then commit_batch(batch) end
end

local function end_campaign()
  local f = redis.call('HMGET', campaign.key, 'tenant', 'stored', 'bases')
  local tenant, bases = f[1], keys.campaignBases(f[1])
  redis.call('HSET', campaign.key, 'finished_at', whole(now))
  redis.call('ZREM', keys.openCampaigns, campaign.id)
  redis.call('ZREM', keys.openCampaignsOf(tenant), campaign.id)
  for _, image in ipairs(words_of(f[3])) do
    if redis.call('HGET', bases, image) == campaign.id then redis.call('HDEL', bases, image) end
  end
  local stored = tonumber(f[2] or '0')
  charge(tenant, -stored)
  charge_expiring(tenant, campaign.key, stored, kept_ms)
  for _, key in ipairs({ campaign.key, campaign.functions, campaign.results }) do redis.call('PEXPIRE', key, kept_ms) end
end

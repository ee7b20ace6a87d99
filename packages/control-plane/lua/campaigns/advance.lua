--- @include "campaigns/include/campaign"
-- Begins the wave after one whose results are recorded, or ends the campaign after the last one. The waves of a canceled campaign do not begin.
-- Arguments: id, the wave that has ended.
-- Outcome: {'ok'}; {'terminal', 'closed'} when the campaign has ended now; {'wait'} while it is paused; {'missing'}; {'stale'} when the wave is not the current one or its
-- results are not recorded.
local f = redis.call('HMGET', campaign.key, 'tenant', 'wave', 'compared', 'batches', 'paused_at', 'canceled_at', 'finished_at')
if not f[1] then return reply({ 'missing' }) end
if f[7] or tonumber(f[2]) ~= args.wave or tonumber(f[3]) ~= args.wave then return reply({ 'stale' }) end
local waves = waves_of(f[4])
-- After the last wave there is nothing to resume.
if args.wave == #waves then
  redis.call('HDEL', campaign.key, 'paused_at', 'paused_by')
  end_campaign()
  return reply({ 'terminal', 'closed' })
end
if f[5] and not f[6] then return reply({ 'wait' }) end
redis.call('HSET', campaign.key, 'wave', args.wave + 1)
if not f[6] then begin_wave(waves[args.wave + 1]) end
return reply({ 'ok' })

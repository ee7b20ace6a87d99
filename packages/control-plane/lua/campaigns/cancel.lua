--- @include "campaigns/include/campaign"
-- Cancels a campaign: stops the batches of all waves that have not ended. The leading worker cancels their jobs one by one.
-- Arguments: id. Outcome: {'ok'}, also when it was canceled before; {'missing'}; {'terminal', 'closed'} when it has ended.
local f = redis.call('HMGET', campaign.key, 'tenant', 'batches', 'finished_at')
if not f[1] then return reply({ 'missing' }) end
if f[3] then return reply({ 'terminal', 'closed' }) end
if redis.call('HSETNX', campaign.key, 'canceled_at', whole(now)) == 1 then
  redis.call('HDEL', campaign.key, 'paused_at', 'paused_by')
  for _, batch in ipairs(waves_of(f[2])) do
    if not has_ended(batch) then cancel_batch(batch) end
  end
end
return reply({ 'ok' })

--- @include "campaigns/include/campaign"
-- Pauses a campaign: no waiting job begins, and no further wave. Running jobs go on.
-- Arguments: id. Outcome: {'ok'}, also when it is paused; {'missing'}; {'terminal', 'closed'} when it has ended or was canceled.
local f = redis.call('HMGET', campaign.key, 'tenant', 'wave', 'batches', 'canceled_at', 'finished_at')
if not f[1] then return reply({ 'missing' }) end
if f[4] or f[5] then return reply({ 'terminal', 'closed' }) end
if redis.call('HSETNX', campaign.key, 'paused_at', whole(now)) == 1 then redis.call('HSET', campaign.key, 'paused_by', 'request') end
local batch = waves_of(f[3])[tonumber(f[2])]
if not has_ended(batch) then redis.call('HSET', batch.key, 'paused', 1) end
return reply({ 'ok' })

--- @include "campaigns/include/campaign"
-- Ends the pause of a campaign. Its current wave may have as many new failures as a wave may have.
-- Arguments: id. Outcome: {'ok'}, {'missing'}, or {'terminal', 'closed'} when it is not paused, was canceled or has ended.
local f = redis.call('HMGET', campaign.key, 'tenant', 'wave', 'batches', 'canceled_at', 'finished_at', 'paused_at', 'paused_ms', 'max_failures')
if not f[1] then return reply({ 'missing' }) end
if f[4] or f[5] or not f[6] then return reply({ 'terminal', 'closed' }) end
redis.call('HDEL', campaign.key, 'paused_at', 'paused_by')
redis.call('HSET', campaign.key, 'paused_ms', whole(tonumber(f[7]) + math.max(0, now - tonumber(f[6]))))
local batch = waves_of(f[3])[tonumber(f[2])]
if not has_ended(batch) then
  redis.call('HDEL', batch.key, 'paused')
  redis.call('HSET', batch.key, 'most_failures', whole(tonumber(redis.call('HGET', batch.key, 'failed') or '0') + tonumber(f[8])))
  while release_next_of_batch(batch) do end
end
return reply({ 'ok' })

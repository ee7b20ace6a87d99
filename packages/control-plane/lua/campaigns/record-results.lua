--- @include "campaigns/include/campaign"
-- Records the results of a wave that has ended.
-- Arguments: id, wave, results as place and JSON, …, counts: changed, unchanged, unknown, failed and canceled.
-- Outcome: {'ok'}; {'missing'}; {'stale'} when the results of the wave are recorded or it is not the next one; {'wait'} while a job of the wave has not ended.
local f = redis.call('HMGET', campaign.key, 'tenant', 'compared', 'batches')
if not f[1] then return reply({ 'missing' }) end
if tonumber(f[2]) ~= args.wave - 1 then return reply({ 'stale' }) end
local batch = waves_of(f[3])[args.wave]
if not batch then return reply({ 'stale' }) end
if not has_ended(batch) then return reply({ 'wait' }) end
for i = 1, #args.results, 2 do redis.call('HSET', campaign.results, args.results[i], args.results[i + 1]) end
for at, name in ipairs({ 'changed', 'unchanged', 'unknown', 'failed', 'canceled' }) do redis.call('HINCRBY', campaign.key, name, args.counts[at]) end
redis.call('HSET', campaign.key, 'compared', args.wave)
return reply({ 'ok' })

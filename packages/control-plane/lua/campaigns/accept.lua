--- @include "campaigns/include/campaign"
-- Accepts a campaign whose jobs are written, and begins its first wave.
-- Arguments: id, tenant, batches of the waves, numbers of their functions, options as JSON, its base images, limit of failed jobs of a wave, limit of campaigns of the
-- tenant that run at once, bytes of its functions and their results, limit of the tenant in bytes.
-- Outcome: {'ok'}; {'exists'} when it was accepted or given up before; {'busy', base image, campaign} when another campaign builds the functions of a base image;
-- {'many'} when the tenant runs as many campaigns as it may; {'closed'} when a batch is no draft any more; {'full', bytes that the tenant has}.
if redis.call('EXISTS', campaign.key) == 1 then return reply({ 'exists' }) end
local bases, open = keys.campaignBases(args.tenant), keys.openCampaignsOf(args.tenant)
for _, image in ipairs(args.bases) do
  local other = redis.call('HGET', bases, image)
  if other then return reply({ 'busy', image, other }) end
end
if redis.call('ZCARD', open) >= args.most then return reply({ 'many' }) end
local batches = {}
for at, id in ipairs(args.batches) do
  batches[at] = batch_at(id)
  local f = redis.call('HMGET', batches[at].key, 'tenant', 'committed', 'stopped')
  if not f[1] or f[2] or f[3] then return reply({ 'closed' }) end
end
local stored = 2000 + #args.options + args.bytes
note_limit(args.tenant, args.limit)
if not has_room(args.tenant, stored, 1) then return reply({ 'full', whole(charged(args.tenant)) }) end

charge(args.tenant, stored)
redis.call('HSET', campaign.key, 'schema', constants.campaign_schema, 'tenant', args.tenant, 'stored', whole(stored), 'options', args.options,
  'batches', table.concat(args.batches, ' '), 'sizes', table.concat(args.sizes, ' '), 'bases', table.concat(args.bases, ' '), 'max_failures', args.max_failures,
  'created_at', whole(now), 'wave', 1, 'compared', 0, 'paused_ms', 0)
redis.call('PERSIST', campaign.functions)
redis.call('ZADD', keys.openCampaigns, now, campaign.id)
redis.call('ZADD', open, now, campaign.id)
for _, image in ipairs(args.bases) do redis.call('HSET', bases, image, campaign.id) end
local index = keys.index('campaigns:' .. args.tenant)
redis.call('ZADD', index, 0, campaign.id)
-- Each new campaign removes up to two expired ones from the list.
for _, oldest in ipairs(redis.call('ZRANGE', index, 0, 1)) do
  if redis.call('EXISTS', keys.campaign(oldest)) == 0 then redis.call('ZREM', index, oldest) end
end
for at, batch in ipairs(batches) do
  redis.call('ZREM', keys.draftBatches, batch.id)
  redis.call('HSET', batch.key, 'wave', at, 'most_failures', args.max_failures)
  end_reservation(batch)
end
begin_wave(batches[1])
return reply({ 'ok' })

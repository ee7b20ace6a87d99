--- @include "campaigns/include/campaign"
-- Prevents that a campaign is accepted by a request that was repeated. Arguments: id. Outcome: {'ok'}, or {'exists'} when it was accepted.
if field('tenant') then return reply({ 'exists' }) end
redis.call('HSET', campaign.key, 'given_up', 1)
redis.call('PEXPIRE', campaign.key, 3600000)
return reply({ 'ok' })

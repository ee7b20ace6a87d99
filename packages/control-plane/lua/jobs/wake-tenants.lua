--- @include "jobs/include/lifecycle"
-- Releases jobs that wait for their tenant when the tenant has room, for example after its limit was raised.
-- Arguments: jobs at most. Outcome: {'ok'}.
local left = args.limit
for _, tenant in ipairs(redis.call('ZRANGE', keys.tenantsWithParkedJobs, 0, -1)) do
  local room = room_of(tenant) or left
  while left > 0 and room > 0 and release_next_of_tenant(tenant) do left, room = left - 1, room - 1 end
end
return reply({ 'ok' })

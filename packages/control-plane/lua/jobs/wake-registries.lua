--- @include "jobs/include/lifecycle"
-- Releases jobs that wait for a registry which answers again, and one job as a probe when the circuit is due for one.
-- Arguments: jobs at most. Outcome: {'ok'}.
local left = args.limit
for _, host in ipairs(redis.call('ZRANGE', keys.registries, 0, -1)) do
  local f = redis.call('HMGET', keys.registry(host), 'open_until', 'probe', 'probe_until')
  if not f[1] then
    left = left - release_next_of_registry(host, left)
    if redis.call('ZCARD', keys.registryParked(host)) == 0 then redis.call('ZREM', keys.registries, host) end
  elseif now >= tonumber(f[1]) and not probe_runs(f[2], f[3]) then
    release_next_of_registry(host, 1)
  end
end
return reply({ 'ok' })

--- @include "jobs/include/queue"
--- @include "stored/include/values"

local function delete_record(job)
  local f = redis.call('HMGET', job.key, 'tenant', 'stored', 'shared')
  if f[1] then
    charge(f[1], -(tonumber(f[2] or '0') or 0))
    drop_shared(f[1], f[3])
  end
  redis.call('ZREM', keys.logsUnsaved, job.id)
  redis.call('DEL', job.key, keys.log(job.id))
end

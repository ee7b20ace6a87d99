--- @include "stored/include/values"

-- Sets fields of the record of a function. Updates its charge and the values that it holds.
local function set_function(tenant, name, ...)
  local key = keys.functionRecord(tenant, name)
  local before = redis.call('HMGET', key, 'stored', 'shared', 'built_shared')
  redis.call('HSET', key, ...)
  local after = redis.call('HMGET', key, 'shared', 'built_shared')
  hold_shared(tenant, after[1])
  hold_shared(tenant, after[2])
  drop_shared(tenant, before[2])
  drop_shared(tenant, before[3])
  -- Older versions read records that list no values.
  local lists = (after[1] or '') .. (after[2] or '')
  redis.call('HSET', key, 'schema', lists == '' and 1 or constants.function_schema)
  local bytes = 700 + 2 * #name
  for _, field in ipairs({ 'spec', 'shared', 'built_spec', 'built_shared', 'built_result', 'built_base_images' }) do
    bytes = bytes + redis.call('HSTRLEN', key, field)
  end
  grow(key, tenant, bytes - tonumber(before[1] or '0'))
end

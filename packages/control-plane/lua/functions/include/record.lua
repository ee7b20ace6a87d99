--- @include "stored/include/values"

local sized_fields = { 'spec', 'shared', 'built_spec', 'built_shared', 'built_result', 'built_base_images' }

-- Sets fields of the record of a function. Updates its charge and the values that it holds.
local function set_function(tenant, name, given)
  local key = keys.functionRecord(tenant, name)
  local before = redis.call('HMGET', key, 'stored', 'shared', 'built_shared')
  local lists, changed = '', {}
  for at, field in ipairs({ 'shared', 'built_shared' }) do
    local was = before[at + 1] or ''
    local is = given[field] or was
    lists = lists .. is
    if is ~= was then changed[#changed + 1] = { is, was } end
  end
  for _, list in ipairs(changed) do hold_shared(tenant, list[1]) end
  for _, list in ipairs(changed) do drop_shared(tenant, list[2]) end
  local function size_before(field)
    if field == 'shared' then return #(before[2] or '') end
    if field == 'built_shared' then return #(before[3] or '') end
    return redis.call('HSTRLEN', key, field)
  end
  -- A record without its size is measured whole.
  local bytes, grows = tonumber(before[1] or nil), before[1]
  if not grows then bytes = 700 + 2 * #name end
  for _, field in ipairs(sized_fields) do
    if given[field] then
      bytes = bytes + #given[field] - (grows and size_before(field) or 0)
    elseif not grows then
      bytes = bytes + size_before(field)
    end
  end
  -- Older versions read records that list no values.
  local fields = { 'schema', lists == '' and 1 or constants.function_schema, 'stored', whole(bytes) }
  for field, value in pairs(given) do
    fields[#fields + 1] = field
    fields[#fields + 1] = value
  end
  redis.call('HSET', key, unpack(fields))
  charge(tenant, bytes - tonumber(before[1] or '0'))
end

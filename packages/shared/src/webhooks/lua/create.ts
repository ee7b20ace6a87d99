/**
 * create: 4 how it has ended at once, or '', 5 why, 6… field, value. Returns {'ok'}, {'exists'}, or {'full', bytes that the tenant has} when it has no room.
 * redeliver: 4 tenant, 5 the id of the new delivery. Returns {'ok'}, {'missing'} or {'full', …}.
 */
export const create = `
if op == 'create' then
  if redis.call('EXISTS', key_of(id)) == 1 then return { 'exists' } end
  local bytes, tenant = delivery_bytes, nil
  for i = 6, #ARGV, 2 do
    bytes = bytes + #ARGV[i + 1]
    if ARGV[i] == 'tenant' then tenant = ARGV[i + 1] end
  end
  if not room_for(tenant, bytes) then return { 'full', whole(charged(tenant)) } end
  redis.call('HSET', key_of(id), unpack(ARGV, 6))
  grow(key_of(id), tenant, bytes)
  make(id, ARGV[4], ARGV[5])
  return { 'ok' }
end

if op == 'redeliver' then
  local again = ARGV[5]
  if redis.call('HGET', key_of(id), 'tenant') ~= ARGV[4] then return { 'missing' } end
  local names = { 'message_id', 'tenant', 'lane', 'endpoint', 'url', 'type', 'job', 'batch', 'sequence', 'format', 'body', 'sealed_secret', 'sealed_for', 'trace', 'schema' }
  local values = redis.call('HMGET', key_of(id), unpack(names))
  local bytes = delivery_bytes
  for i in ipairs(names) do bytes = bytes + #(values[i] or '') end
  if not room_for(ARGV[4], bytes) then return { 'full', whole(charged(ARGV[4])) } end
  for i, name in ipairs(names) do
    if values[i] then redis.call('HSET', key_of(again), name, values[i]) end
  end
  redis.call('HSET', key_of(again), 'redelivery_of', id)
  grow(key_of(again), ARGV[4], bytes)
  make(again, '', '')
  return { 'ok' }
end
`;

/**
 * create: 4 how it has ended at once, or '', 5 why, 6… field, value. Returns {'ok'} or {'exists'}.
 * redeliver: 4 tenant, 5 the id of the new delivery. Returns {'ok'} or {'missing'}.
 */
export const create = `
if op == 'create' then
  if redis.call('EXISTS', key_of(id)) == 1 then return { 'exists' } end
  redis.call('HSET', key_of(id), unpack(ARGV, 6))
  make(id, ARGV[4], ARGV[5])
  return { 'ok' }
end

if op == 'redeliver' then
  local again = ARGV[5]
  if redis.call('HGET', key_of(id), 'tenant') ~= ARGV[4] then return { 'missing' } end
  local names = { 'message_id', 'tenant', 'lane', 'endpoint', 'url', 'type', 'job', 'batch', 'sequence', 'format', 'body', 'sealed_secret', 'sealed_for', 'trace', 'schema' }
  local values = redis.call('HMGET', key_of(id), unpack(names))
  for i, name in ipairs(names) do
    if values[i] then redis.call('HSET', key_of(again), name, values[i]) end
  end
  redis.call('HSET', key_of(again), 'redelivery_of', id)
  make(again, '', '')
  return { 'ok' }
end
`;

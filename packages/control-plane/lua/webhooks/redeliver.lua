--- @include "webhooks/include/delivery"
-- Creates a delivery of the same message.
-- Arguments: id of the earlier delivery, tenant, id of the new one.
-- Outcome: {'ok'}, {'missing'} when the tenant has no such delivery, or {'full', bytes that the tenant has}.
local before, again = keys.delivery(args.id), keys.delivery(args.again)
if redis.call('HGET', before, 'tenant') ~= args.tenant then return reply('missing') end
local names = { 'message_id', 'tenant', 'lane', 'endpoint', 'url', 'type', 'job', 'batch', 'sequence', 'format', 'body', 'sealed_secret', 'sealed_for', 'trace', 'schema' }
local values = redis.call('HMGET', before, unpack(names))
local bytes = delivery_bytes
for i in ipairs(names) do bytes = bytes + #(values[i] or '') end
if not room_for(args.tenant, bytes) then return reply('full', whole(charged(args.tenant))) end
for i, name in ipairs(names) do
  if values[i] then redis.call('HSET', again, name, values[i]) end
end
redis.call('HSET', again, 'redelivery_of', args.id)
grow(again, args.tenant, bytes)
make(args.again, nil, nil)
return reply('ok')

--- @include "webhooks/include/delivery"
-- Creates a delivery. Does not change a delivery that exists.
-- Arguments: id, tenant, the final state and its reason (both absent for a delivery to send), and fields, each as name and value.
-- Outcome: {'ok'}, {'exists'}, or {'full', bytes that the tenant has} when the tenant has no room.
local key = keys.delivery(args.id)
if redis.call('EXISTS', key) == 1 then return reply('exists') end
local bytes = delivery_bytes
for i = 2, #args.fields, 2 do bytes = bytes + #args.fields[i] end
if not room_for(args.tenant, bytes) then return reply('full', whole(charged(args.tenant))) end
redis.call('HSET', key, unpack(args.fields))
grow(key, args.tenant, bytes)
make(args.id, args.state, args.reason)
return reply('ok')

--- @include "stored/include/account"
-- Claims an idempotency key for a request.
-- Arguments: tenant, digest of the key, digest of the request, token of the try, ms of its lease, seed of ids, ms for which the record is kept, bytes of the record.
-- Returns {'claimed', seed, 1 when another try had claimed it}, {'answered', answer}, {'busy', ms left}, {'other_request'}, or {'full', bytes that the tenant has}.
-- A record without an answer whose lease is over belonged to a process that is gone, or to a try that failed: the next takes it over, with its ids.
local key = keys.idempotency(args.tenant, args.key)
local f = redis.call('HMGET', key, 'request', 'answer', 'until', 'seed')
if f[1] then
  if f[1] ~= args.request then return { 'other_request' } end
  if f[2] then return { 'answered', f[2] } end
  if tonumber(f[3]) > now then return { 'busy', tonumber(f[3]) - now } end
  redis.call('HSET', key, 'token', args.token, 'until', now + args.lease_ms)
  return { 'claimed', f[4], 1 }
end
if not has_room(args.tenant, args.bytes, 1) then return { 'full', whole(charged(args.tenant)) } end
redis.call('HSET', key, 'request', args.request, 'token', args.token, 'until', now + args.lease_ms, 'seed', args.seed)
redis.call('PEXPIRE', key, args.kept_ms)
charge_expiring(args.tenant, key, args.bytes, args.kept_ms)
return { 'claimed', args.seed, 0 }

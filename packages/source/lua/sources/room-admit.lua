--- @include "sources/include/room"
-- Reserves bytes for a source that has arrived. Only an admitted source is stored.
-- Arguments: tenant, reservation (none for a new one), digest, bytes of files, limit of the tenant's bytes, ms of the lease.
-- Returns {'ok' or 'full', reservation, bytes of the tenant}.
local _, admitted = other_reservations(args.tenant, args.id)
local id = args.id or new_reservation(args.tenant)
local has, bytes = used_bytes(args.tenant), args.bytes
if redis.call('ZSCORE', keys.sourcesOf(args.tenant), args.digest) then
  bytes = 0
elseif has + admitted + bytes > args.most then
  return { 'full', id, whole(has) }
end
reserve(args.tenant, id, whole(bytes), 'admitted', args.lease_ms)
return { 'ok', id, whole(has) }

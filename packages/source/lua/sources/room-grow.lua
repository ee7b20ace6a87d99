--- @include "sources/include/room"
-- Reserves bytes for an arriving source. Sources beyond the quota arrive one at a time, the oldest first, because the tenant may
-- already have the source.
-- Arguments: tenant, reservation (none for a new one), bytes on the disk, bytes of files, limit of the tenant's bytes, ms of the lease.
-- Returns {'ok', 'wait' or 'full', reservation, bytes of the tenant}.
local arriving, admitted, oldest = other_reservations(args.tenant, args.id)
local id = args.id or new_reservation(args.tenant)
local has, bytes = used_bytes(args.tenant), args.disk
if args.files > args.most and args.files > has then return { 'full', id, whole(has) } end
local waits = has + admitted + arriving + bytes > args.most and oldest and oldest < tonumber(id)
if waits then
  local mine = redis.call('HGET', keys.sourcesReserved(args.tenant), id)
  bytes = mine and tonumber(string.match(mine, '^(%d+)')) or 0
end
reserve(args.tenant, id, whole(bytes), 'arriving', args.lease_ms)
return { waits and 'wait' or 'ok', id, whole(has) }

--- @include "stored/include/account"
-- Remembers the digest of a folder of a repository, if the tenant has room for its bytes.
-- Arguments: tenant, id of the folder, digest, ms for which it is kept, bytes.
local key = keys.gitSource(args.id)
-- Its bytes are charged until the key expires, so a repeat does not move that time.
if redis.call('SET', key, args.digest, 'XX', 'KEEPTTL') or not has_room(args.tenant, args.bytes, 1) then return end
redis.call('SET', key, args.digest, 'PX', args.kept_ms)
charge(args.tenant, args.bytes)
uncharge_later(args.tenant, args.bytes, args.kept_ms)

--- @include "stored/include/account"
-- Arguments: tenant. Returns the bytes that it has in Redis.
return whole(charged(args.tenant))

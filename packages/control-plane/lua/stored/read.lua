--- @include "stored/include/account"
-- Arguments: tenant. Returns the bytes that the tenant has in Redis.
return whole(charged(args.tenant))

--- @include "replicas/include/wake"
-- Wakes another worker for a free slot that the caller has no build for.
-- Arguments: pool, address, the caller.
wake(args.pool, args.url, args.worker)

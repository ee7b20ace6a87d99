-- Releases a reservation.
-- Arguments: tenant, reservation.
redis.call('HDEL', keys.sourcesReserved(args.tenant), args.id)

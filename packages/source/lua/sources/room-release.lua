-- Gives a reservation back.
-- Arguments: tenant, reservation.
redis.call('HDEL', keys.sourcesReserved(args.tenant), args.id)

-- Gives the leader's lease back if this worker holds it.
-- Arguments: name of the worker.
if redis.call('GET', keys.leader) == args.worker then redis.call('DEL', keys.leader) end

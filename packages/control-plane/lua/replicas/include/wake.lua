-- Workers that wait for a slot. `waiting:<pool>` has each once, by the time since when it waits.

-- Wakes the worker that has waited longest for a slot of the pool, other than `except`, and tells it the replica. A worker that is gone is skipped.
local function wake(pool, url, except)
  for _, worker in ipairs(redis.call('ZRANGE', keys.waiting(pool), 0, 8)) do
    if worker ~= except then
      redis.call('ZREM', keys.waiting(pool), worker)
      if redis.call('PUBLISH', keys.freed(worker), url) > 0 then return end
    end
  end
end

--- @include "include/time"
-- Records that deliveries are in the queue. A delivery that no worker begins is due again after a time.
-- Arguments: that time in ms, ids.
for _, id in ipairs(args.ids) do
  local at = tonumber(redis.call('HGET', keys.delivery(id), 'due_at') or '0')
  redis.call('ZADD', keys.dueDeliveries, 'XX', math.max(at, now) + args.look_again_ms, id)
end

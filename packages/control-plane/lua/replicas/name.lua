--- @include "replicas/include/offers"
-- Names replicas that a worker still finds, and finds out who announces them.
-- Arguments: a digest of all that the worker would announce, ms for which the caller alone announces it, addresses.
-- Returns 1 when no worker has announced the same lately, so that the caller has to, else 0; and the addresses that no worker has announced lately.
local is_announcer = redis.call('SET', keys.announced(args.view), 1, 'NX', 'PX', args.alone_ms) and 1 or 0
local named, unknown = {}, {}
for from = 1, #args.urls, 1000 do
  local urls = { unpack(args.urls, from, math.min(from + 999, #args.urls)) }
  for at, score in ipairs(redis.call('ZMSCORE', keys.replicas, unpack(urls))) do
    if score and tonumber(score) >= now - offer_gone_ms then
      named[#named + 1] = now
      named[#named + 1] = urls[at]
    else
      unknown[#unknown + 1] = urls[at]
    end
  end
end
for from = 1, #named, 2000 do
  redis.call('ZADD', keys.replicas, 'XX', unpack(named, from, math.min(from + 1999, #named)))
end
return { is_announcer, unknown }

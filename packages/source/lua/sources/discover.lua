--- @include "sources/include/uses"
-- Records sources whose blobs were found. Unknown ones count as used now.
-- Arguments: digests.
for _, digest in ipairs(args.digests) do
  if not is_going(digest) then redis.call('ZADD', keys.sourcesUsed, 'NX', whole(now), digest) end
end

--- @include "include/time"
-- When each source was last used, and which is being written or removed. Each source is in one of three sorted sets, or in none when nothing is known of it:
--
--   (none) ──stored, discover──▶ used ──condemn──▶ removing ──gone──▶ removed ──stored, an hour──▶ used, (none)
--
-- *used*: it is stored, and was last used then. *removing*: it is not to be used any more, and the collector removes its blobs since then. *removed*: its blobs are
-- gone. A job that was given the source before it went finds it in one of the last two and is refused (jobs/create); an hour is longer than that takes. Beside
-- these, *pinned* holds what is being written, until then.

-- Several may write the same source at once; the last of them to end removes the pin.
local function unpin(digest)
  if redis.call('HINCRBY', keys.sourcesWriters, digest, -1) > 0 then return end
  redis.call('HDEL', keys.sourcesWriters, digest)
  redis.call('ZREM', keys.sourcesPinned, digest)
end

local function is_going(digest)
  return redis.call('ZSCORE', keys.sourcesRemoving, digest) or redis.call('ZSCORE', keys.sourcesRemoved, digest)
end

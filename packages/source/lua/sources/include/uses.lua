--- @include "include/time"
-- The last use of each source, and the sources that are being written or removed. Each known source is in one of three sorted
-- sets:
--
--   (none) ──stored, discover──▶ used ──condemn──▶ removing ──gone──▶ removed ──stored, an hour──▶ used, (none)
--
-- *used*: it is stored; score = last use. *removing*: it must not be used, and the collector removes its blobs; score = start of
-- the removal. *removed*: its blobs are gone. A job that found its source before the removal then finds it in *removing* or
-- *removed*, and is refused (jobs/create). That takes less than an hour. In addition, *pinned* holds sources that are being
-- written; score = deadline.

-- Several writers may write the same source at once. The last one to end removes the pin.
local function unpin(digest)
  if redis.call('HINCRBY', keys.sourcesWriters, digest, -1) > 0 then return end
  redis.call('HDEL', keys.sourcesWriters, digest)
  redis.call('ZREM', keys.sourcesPinned, digest)
end

local function is_going(digest)
  return redis.call('ZSCORE', keys.sourcesRemoving, digest) or redis.call('ZSCORE', keys.sourcesRemoved, digest)
end

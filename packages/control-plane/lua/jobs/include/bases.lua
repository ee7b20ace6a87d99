--- @include "jobs/include/values"
-- The base images that builds used. A job and its function list them as a value that they share, and each tenant has the newest digests that its builds saw.
--
-- The hash `keys.basesSeen(tenant)` has a field for each reference: `digest since last`. `since` and `last` are the starts of the first and the last attempt that saw
-- this digest. An attempt that began before `last` and saw another digest ends too late to say which is the newest.

-- Bytes of a field besides its reference.
local seen_bytes = 350

-- Stores the base images of a build, and lists them in the record of a job. Omits them when the tenant has no room.
local function keep_bases(job, hash, text)
  if not hash then return end
  local tenant = get(job, 'tenant')
  if redis.call('EXISTS', keys.sharedValue(tenant, hash)) == 0 and not has_room(tenant, value_bytes(#text), 1.25) then return end
  put_shared(tenant, hash, text)
  list_shared(job, 'bases=' .. hash)
  grow(job.key, tenant, 8 + #hash)
end

-- Removes a tenth of the references, the oldest first. Returns the bytes that they took.
local function drop_oldest_bases(key)
  local fields, all, bytes = redis.call('HGETALL', key), {}, 0
  for i = 1, #fields, 2 do
    local last = string.match(fields[i + 1], '^sha256:%x+ %d+ (%d+)$')
    if last then all[#all + 1] = { tonumber(last), fields[i] } end
  end
  table.sort(all, function(a, b) return a[1] < b[1] end)
  for i = 1, math.ceil(constants.bases_seen / 10) do
    redis.call('HDEL', key, all[i][2])
    bytes = bytes + seen_bytes + 2 * #all[i][2]
  end
  return bytes
end

-- Records the digests that an attempt which began at `at` saw. `seen` lists reference, digest, …
local function note_seen(tenant, at, seen)
  if #seen == 0 then return end
  local key, references = keys.basesSeen(tenant), {}
  for i = 1, #seen, 2 do references[#references + 1] = seen[i] end
  local known, bytes, changes = redis.call('HMGET', key, unpack(references)), 0, {}
  for i, reference in ipairs(references) do
    local digest = seen[2 * i]
    local was, since, last = string.match(known[i] or '', '^(%S+) (%d+) (%d+)$')
    since, last = tonumber(since or at), tonumber(last or at)
    if was == digest or not was or at >= last then
      since = was == digest and math.min(since, at) or at
      changes[#changes + 1] = reference
      changes[#changes + 1] = digest .. ' ' .. whole(since) .. ' ' .. whole(math.max(last, at))
    end
    if not was then bytes = bytes + seen_bytes + 2 * #reference end
  end
  if #changes == 0 or (bytes > 0 and not has_room(tenant, bytes, 1.25)) then return end
  bytes = bytes + tonumber(redis.call('HGET', key, 'stored') or '0')
  redis.call('HSET', key, unpack(changes))
  -- Two fields hold the charge.
  while redis.call('HLEN', key) - 2 > constants.bases_seen do bytes = bytes - drop_oldest_bases(key) end
  charge_expiring(tenant, key, bytes, 7776000000)
  redis.call('PEXPIRE', key, 7776000000)
end

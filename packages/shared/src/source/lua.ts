import { defineScript } from '../redis/index.js';

/**
 * Who may write and who may remove a source, and when it was last used. Each source is in one of three sets, or in none
 * when nothing is known of it; scores are milliseconds:
 *
 *   (none) ──stored, discover──▶ used ──condemn──▶ removing ──gone──▶ removed ──stored, an hour──▶ used, (none)
 *
 * *used*: it is stored, and was last used then. *removing*: it is not to be used any more, and its blobs are being removed
 * since then. *removed*: they are. Whoever found a source before it went finds it in one of the last two when he comes to refer
 * to it, and is refused (lua/create.ts); an hour is longer than that takes. Beside these, *pinned* holds what is being written until then.
 *
 * KEYS: 1 used, 2 removing, 3 removed, 4 pinned, 5 how many write each (hash). ARGV: 1 operation, then
 * claim: 2 digest, 3 whether its blobs were found, 4 ms that writing them may take. {'there'}, {'write'} or {'removing'}.
 * stored: 2 digest. Its blobs are written.
 * release: 2 digest. They could not be.
 * touch: 2 digest. {'ok'}, or {'gone'} when it is removing or removed.
 * idle: 2 ms, 3 limit (Lua returns 5000 at most). {since when, digest…}: what has not been used for so long.
 * keep: 2… digests, found to be referred to.
 * condemn: 2 since when, 3… digests. {digest…}: those that were last used before that.
 * gone: 2… digests. Their blobs are removed.
 * abandoned: 2 ms, 3 limit. {digest…}: those that someone began to remove so long ago, now the caller's to remove.
 * discover: 2… digests whose blobs were found.
 */
export const sourceScript = defineScript(`
local used, removing, removed, pinned, writers, op = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function ms(number) return string.format('%.0f', number) end
-- Several may write the same at once; the last of them to end takes the pin away.
local function unpin(digest)
  if redis.call('HINCRBY', writers, digest, -1) > 0 then return end
  redis.call('HDEL', writers, digest)
  redis.call('ZREM', pinned, digest)
end
local function going(digest) return redis.call('ZSCORE', removing, digest) or redis.call('ZSCORE', removed, digest) end

if op == 'claim' then
  if redis.call('ZSCORE', removing, ARGV[2]) then return { 'removing' } end
  if ARGV[3] == '1' and not redis.call('ZSCORE', removed, ARGV[2]) then
    redis.call('ZADD', used, ms(now), ARGV[2])
    return { 'there' }
  end
  redis.call('ZADD', pinned, ms(now + tonumber(ARGV[4])), ARGV[2])
  redis.call('HINCRBY', writers, ARGV[2], 1)
  return { 'write' }
end
if op == 'stored' then
  unpin(ARGV[2])
  redis.call('ZREM', removed, ARGV[2])
  if not redis.call('ZSCORE', removing, ARGV[2]) then redis.call('ZADD', used, ms(now), ARGV[2]) end
  return { 'ok' }
end
if op == 'release' then
  unpin(ARGV[2])
  return { 'ok' }
end
if op == 'touch' then
  if going(ARGV[2]) then return { 'gone' } end
  redis.call('ZADD', used, ms(now), ARGV[2])
  return { 'ok' }
end
if op == 'idle' then
  local since = ms(now - tonumber(ARGV[2]))
  return { since, unpack(redis.call('ZRANGEBYSCORE', used, '-inf', '(' .. since, 'LIMIT', 0, ARGV[3])) }
end
if op == 'keep' then
  for i = 2, #ARGV do redis.call('ZADD', used, 'XX', ms(now), ARGV[i]) end
  return { 'ok' }
end
if op == 'condemn' then
  local condemned = {}
  for _, dead in ipairs(redis.call('ZRANGEBYSCORE', pinned, '-inf', ms(now), 'LIMIT', 0, 1000)) do
    redis.call('ZREM', pinned, dead)
    redis.call('HDEL', writers, dead)
  end
  for i = 3, #ARGV do
    local score = redis.call('ZSCORE', used, ARGV[i])
    if score and tonumber(score) < tonumber(ARGV[2]) and not redis.call('ZSCORE', pinned, ARGV[i]) then
      redis.call('ZREM', used, ARGV[i])
      redis.call('ZADD', removing, ms(now), ARGV[i])
      condemned[#condemned + 1] = ARGV[i]
    end
  end
  return condemned
end
if op == 'gone' then
  redis.call('ZREMRANGEBYSCORE', removed, '-inf', ms(now - 3600000))
  for i = 2, #ARGV do
    redis.call('ZREM', removing, ARGV[i])
    redis.call('ZADD', removed, ms(now), ARGV[i])
  end
  return { 'ok' }
end
if op == 'abandoned' then
  local found = redis.call('ZRANGEBYSCORE', removing, '-inf', ms(now - tonumber(ARGV[2])), 'LIMIT', 0, ARGV[3])
  for _, digest in ipairs(found) do redis.call('ZADD', removing, ms(now), digest) end
  return found
end
if op == 'discover' then
  for i = 2, #ARGV do
    if not going(ARGV[i]) then redis.call('ZADD', used, 'NX', ms(now), ARGV[i]) end
  end
  return { 'ok' }
end
return redis.error_reply('unknown operation ' .. op)
`);

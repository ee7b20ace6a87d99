--- @include "jobs/include/lifecycle"
-- Creates a job.
-- Arguments: id, spec as JSON, sealed callback secret, tenant, its weight, priority class (0 to 2), the name whose build times to expect, build key,
-- `skip` (no build when the image was built with the same build key), `share` (no build while a job with the same build key is in progress) or `force`, batch,
-- function, digests of its sources, pool, its parts as JSON and their plan (see jobs/include/parts), trace, values that the record lists, bytes of the record,
-- limit of the tenant in bytes, references that the job pushes to, the image first, values, each as hash and text, and indexes.
-- Outcome: {'ok', record and the values that it lists unless the job belongs to a batch}; {'exists'}; {'closed'} when the batch takes no more jobs;
-- {'source_gone', source} when a source was removed; {'values_missing'} when the record lists values that are neither stored nor given; {'full', bytes that the
-- tenant has}.
local job = job_of(args.id)
if get(job, 'state') then return reply({ 'exists' }) end
-- An open batch has reserved bytes for all its jobs.
local reserved = 0
if args.batch then
  local f = redis.call('HMGET', keys.batch(args.batch), 'tenant', 'committed', 'stopped', 'reserved')
  if not f[1] or f[2] or f[3] then return reply({ 'closed' }) end
  reserved = tonumber(f[4] or '0')
end
for _, digest in ipairs(args.sources) do
  -- The API found this source, but it was removed since because no record referred to it.
  if redis.call('ZSCORE', keys.sourcesRemoving, digest) or redis.call('ZSCORE', keys.sourcesRemoved, digest) then
    return reply({ 'source_gone', digest })
  end
end
local tenant, stored, given, missing, added = args.tenant, args.bytes, {}, false, 0
for i = 1, #args.values, 2 do given[args.values[i]] = args.values[i + 1] end
for hash in string.gmatch(args.shared, '=(%S+)') do
  if redis.call('EXISTS', keys.sharedValue(tenant, hash)) == 0 then
    if given[hash] then added = added + value_bytes(#given[hash]) else missing = true end
  end
end
if missing then return reply({ 'values_missing' }) end
verify_new({ tenant = tenant, pool = args.pool, func = args.func, references = args.references, batch = args.batch, indexes = args.indexes })
note_limit(tenant, args.limit)
local taken = math.min(reserved, stored + added)
if not has_room(tenant, stored + added - taken, 1) then return reply({ 'full', whole(charged(tenant)) }) end
if taken > 0 then redis.call('HINCRBY', keys.batch(args.batch), 'reserved', whole(-taken)) end
for hash, value in pairs(given) do
  if string.find(args.shared, hash, 1, true) then put_shared(tenant, hash, value) end
end
for _, digest in ipairs(args.sources) do redis.call('ZADD', keys.sourcesUsed, now, digest) end
create_job(job, { spec = args.spec, secret = args.secret, tenant = tenant, weight = args.weight, class = args.class, expected = args.expected,
  references = args.references, build_key = args.build_key, reuse = args.reuse, batch = args.batch, func = args.func, pool = args.pool, parts = args.parts,
  trace = args.trace, plan = args.plan, shared = args.shared, stored = stored, taken = taken, indexes = args.indexes })
if args.batch then return reply({ 'ok' }) end
return reply({ 'ok', redis.call('HGETALL', job.key), values_of(tenant, get(job, 'shared')) })

--- @include "jobs/include/lifecycle"
-- Creates jobs of one tenant, all or none.
-- Arguments: tenant, its weight, batch that the jobs belong to, limit of the tenant in bytes, and the jobs. Each job has its texts and then its lists, each list
-- after its length.
-- Texts: id, spec as JSON, sealed callback secret, priority class (0 to 2), the name whose build times to expect, build key, `skip` (no build when the image was built
-- with the same build key), `share` (no build while a job with the same build key is in progress) or `force`, function, pool, its parts as JSON and their plan (see
-- jobs/include/parts), trace, values that the record lists, bytes of the record.
-- Lists: digests of its sources, references that the job pushes to, the image first, values, each as hash and text, and indexes.
-- Outcome: {'ok', record of the last job and the values that it lists unless the jobs belong to a batch}; {'exists'}; {'closed'} when the batch takes no more jobs;
-- {'source_gone', source} when a source was removed; {'values_missing'} when a record lists values that are neither stored nor given; {'full', bytes that the
-- tenant has}.
local texts = { 'id', 'spec', 'secret', 'class', 'expected', 'build_key', 'reuse', 'func', 'pool', 'parts', 'plan', 'trace', 'shared', 'bytes' }
local lists = { 'sources', 'references', 'values', 'indexes' }
local tenant, jobs, at = args.tenant, {}, 1
while at <= #args.jobs do
  local a = { tenant = tenant, weight = args.weight, batch = args.batch }
  for _, name in ipairs(texts) do
    local text = args.jobs[at]
    a[name], at = text ~= '' and text or nil, at + 1
  end
  for _, name in ipairs(lists) do
    local list, length = {}, tonumber(args.jobs[at])
    for i = 1, length do list[i] = args.jobs[at + i] end
    a[name], at = list, at + 1 + length
  end
  a.class, a.stored, a.shared = tonumber(a.class), tonumber(a.bytes), a.shared or ''
  -- The account is charged once for all jobs.
  a.taken, a.job = a.stored, job_of(a.id)
  jobs[#jobs + 1] = a
end

-- An open batch has reserved bytes for all its jobs.
local reserved = 0
if args.batch then
  local f = redis.call('HMGET', keys.batch(args.batch), 'tenant', 'committed', 'stopped', 'reserved', 'campaign')
  if not f[1] or f[2] or f[3] then return reply({ 'closed' }) end
  reserved = tonumber(f[4] or '0')
  for _, a in ipairs(jobs) do a.in_campaign = f[5] end
end
local needed, digests, given, new_values = 0, {}, {}, {}
for _, a in ipairs(jobs) do
  if get(a.job, 'state') then return reply({ 'exists' }) end
  needed = needed + a.stored
  for _, digest in ipairs(a.sources) do
    -- The API found this source, but it was removed since because no record referred to it.
    if not digests[digest] and (redis.call('ZSCORE', keys.sourcesRemoving, digest) or redis.call('ZSCORE', keys.sourcesRemoved, digest)) then
      return reply({ 'source_gone', digest })
    end
    digests[digest] = true
  end
  for i = 1, #a.values, 2 do given[a.values[i]] = a.values[i + 1] end
end
for _, a in ipairs(jobs) do
  for hash in string.gmatch(a.shared, '=(%S+)') do
    if not new_values[hash] and redis.call('EXISTS', keys.sharedValue(tenant, hash)) == 0 then
      if not given[hash] then return reply({ 'values_missing' }) end
      needed, new_values[hash] = needed + value_bytes(#given[hash]), given[hash]
    end
  end
  verify_new(a)
end
note_limit(tenant, args.limit)
local taken = math.min(reserved, needed)
if not has_room(tenant, needed - taken, 1) then return reply({ 'full', whole(charged(tenant)) }) end

if taken > 0 then redis.call('HINCRBY', keys.batch(args.batch), 'reserved', whole(-taken)) end
for hash, value in pairs(new_values) do
  needed = needed - value_bytes(#value)
  put_shared(tenant, hash, value)
end
charge(tenant, needed - taken)
for digest in pairs(digests) do redis.call('ZADD', keys.sourcesUsed, now, digest) end
if args.batch then collect_writes() end
for _, a in ipairs(jobs) do create_job(a.job, a) end
if args.batch then
  write_collected(keys.batch(args.batch))
  return reply({ 'ok' })
end
local last = jobs[#jobs].job
return reply({ 'ok', redis.call('HGETALL', last.key), values_of(tenant, get(last, 'shared')) })

--- @include "jobs/include/learn"
--- @include "jobs/include/unended"
-- Ends a job. Only the holder of the token may end it.
-- Arguments: id, token, state, outcome and detail of the attempt, the field of the record for the end of the job (`result` or `error`) and its JSON, the base images
-- as a JSON list of references, the same images with their digests as a value (hash and JSON), the references and digests that the attempt saw, the result for jobs that reuse the image, as JSON, hash and JSON of the end of the log, the outcome for its registries (`answered` or
-- `fault`) and one host (without it, all of them), steps of its build, cached steps, the log of the attempt if the record is to keep it.
-- Outcome: {'ok'}, {'stale'}, {'terminal', state}, {'missing'}, or {'log_full'} when the tenant has no room for the log.
-- Omits the end of the log when the tenant has no room for it: the log itself has it.
verify(job)
if state ~= 'running' or get(job, 'token') ~= args.token then return reply({ 'stale' }) end
if not has_room_for_log(job, args.log) then return reply({ 'log_full' }) end
keep_log(job, args.log)
close_attempt(job, args.outcome, args.detail, args.steps, args.cached_steps)
local tenant = get(job, 'tenant')
redis.call('HSET', job.key, args.field, args.body)
grow(job.key, tenant, #args.body)
if args.log_tail_hash and has_room(tenant, value_bytes(#args.log_tail), 1.25) then
  put_shared(tenant, args.log_tail_hash, args.log_tail)
  list_shared(job, 'log_tail=' .. args.log_tail_hash)
end
if args.state == 'succeeded' then
  -- A job that joins parts gives no build time.
  if not get(job, 'parts') and get(job, 'attempt_at') then learn(job) end
  local references = references_of(job)
  keep_bases(job, args.bases_hash, args.bases)
  remember(job, references, note_newest(job, references), { body = args.body, cached = args.cached_result, base_images = args.base_images, bases = args.bases,
    bases_hash = args.bases_hash })
  note_seen(tenant, tonumber(get(job, 'attempt_at') or now), args.seen)
end
end_job(job, state, args.state)
note_registry(job, args.registry, args.registry_host)
return reply({ 'ok' })

-- Identical jobs. A job that has the same build key as the build in progress of its image waits for that one, and ends with it.

-- Ends the jobs that share the build of this job in the same way. If this job was canceled, the first of them is built for the others.
local function end_identical_jobs(job, to)
  local set = keys.identicalJobs(job.id)
  local waiting = redis.call('SMEMBERS', set)
  if #waiting == 0 then return end
  redis.call('DEL', set)
  table.sort(waiting)
  if to ~= 'canceled' then
    local field, body, base_images, bases_hash, bases = 'error'
    if to == 'succeeded' then
      -- The result that this job has just recorded for jobs that reuse its image.
      local built = redis.call('HMGET', keys.built(get(job, 'flight')), 'result', 'base_images', 'bases_hash', 'bases')
      field, body, base_images, bases_hash, bases = 'result', unpack(built)
    else
      body = get(job, 'error')
    end
    local log_tail = field == 'error' and string.match(get(job, 'shared') or '', 'log_tail=%S+')
    for _, id in ipairs(waiting) do
      local other = job_of(id)
      redis.call('HSET', other.key, field, body)
      grow(other.key, get(other, 'tenant'), #body)
      if log_tail then list_shared(other, log_tail) end
      if field == 'result' then
        keep_bases(other, bases_hash, bases)
        remember_function(other, body, base_images)
      end
      end_job(other, 'queued', to)
    end
    return
  end
  local first = job_of(table.remove(waiting, 1))
  for _, id in ipairs(waiting) do
    redis.call('HSET', job_of(id).key, 'shares', first.id)
    redis.call('SADD', keys.identicalJobs(first.id), id)
  end
  -- A newer job with another build key stays the build in progress.
  local batch = batch_of(first)
  if redis.call('EXISTS', build_in_progress_key(first)) == 0 and not (batch and is_later_wave(batch)) then
    redis.call('HSET', build_in_progress_key(first), 'job', first.id, 'key', get(first, 'build_key'))
  end
  if not batch then return release(first) end
  park_for_batch(first, batch, 0)
  release_next_of_batch(batch)
end

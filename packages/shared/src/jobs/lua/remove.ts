/**
 * remove: 4 ms, 5… indexes besides those of its state and batch. Takes away the record of a job that ended before then, with
 * all that leads to it. Returns {'ok'}, {'missing'}, or {'wait'} for one that has not.
 *
 * discard: Takes away a record that cannot be read; one that has not ended is canceled first, so that its batch and what waits for it
 * go on. 4… indexes besides those of its state and batch. Returns {'ok'}.
 */
export const remove = `
local function delete_record(job)
  local f = redis.call('HMGET', job.key, 'tenant', 'stored', 'shared')
  if f[1] then
    charge(f[1], -(tonumber(f[2] or '0') or 0))
    drop_shared(f[1], f[3])
  end
  redis.call('DEL', job.key, base .. 'log:' .. job.id)
end

if op == 'remove' then
  if not state then return { 'missing' } end
  local finished = get(job, 'finished_at')
  if not finished or tonumber(finished) >= tonumber(ARGV[4]) then return { 'wait' } end
  local batch = get(job, 'batch')
  redis.call('ZREM', base .. 'index:state:' .. state, id)
  for i = 5, #ARGV do redis.call('ZREM', base .. 'index:' .. ARGV[i], id) end
  if batch then redis.call('ZREM', base .. 'index:batch:' .. batch, id) end
  delete_record(job)
  return { 'ok' }
end

if op == 'discard' then
  if state == 'queued' or state == 'running' then
    -- What is damaged may stop this midway; the record goes all the same.
    pcall(settle_with, job, state, 'canceled', 'canceled', 'An operator removed its record.')
  end
  local batch = get(job, 'batch')
  for _, each in ipairs({ 'queued', 'running', 'succeeded', 'failed', 'canceled' }) do redis.call('ZREM', base .. 'index:state:' .. each, id) end
  for i = 4, #ARGV do redis.call('ZREM', base .. 'index:' .. ARGV[i], id) end
  if batch then redis.call('ZREM', base .. 'index:batch:' .. batch, id) end
  redis.call('ZREM', undispatched, id)
  delete_record(job)
  return { 'ok' }
end
`;

/**
 * remove: 4 ms, 5… indexes besides those of its state and batch. Takes away the record of a job that ended before then, with
 * all that leads to it. Returns {'ok'}, {'missing'}, or {'wait'} for one that has not.
 */
export const remove = `
if op == 'remove' then
  if not state then return { 'missing' } end
  local finished = get(job, 'finished_at')
  if not finished or tonumber(finished) >= tonumber(ARGV[4]) then return { 'wait' } end
  local batch = get(job, 'batch')
  redis.call('ZREM', base .. 'index:state:' .. state, id)
  for i = 5, #ARGV do redis.call('ZREM', base .. 'index:' .. ARGV[i], id) end
  if batch then redis.call('ZREM', base .. 'index:batch:' .. batch, id) end
  redis.call('DEL', job.key, base .. 'log:' .. id)
  return { 'ok' }
end
`;

-- Returns the last jobs of a function, newest first. Its index holds the jobs of all tenants; the search skips those of others.
-- An error holds the end of a log, so only its code is returned. `"code":"` cannot occur inside a text of the error, because JSON escapes quotes there.
-- Arguments: tenant, name of the function, limit of entries, limit of ids that the search checks.
-- Returns {{id, state, created_at, result as JSON or '', code or ''}, …}.
local found, start, looked = {}, '+', 0
repeat
  local ids = redis.call('ZREVRANGEBYLEX', keys.index('function:' .. args.name), start, '-', 'LIMIT', 0, args.limit)
  for _, id in ipairs(ids) do
    local key = keys.job(id)
    if redis.call('HGET', key, 'tenant') == args.tenant then
      local f = redis.call('HMGET', key, 'state', 'created_at', 'result', 'error')
      local code = f[4] and string.match(f[4], '"code":"([%w_]+)"') or ''
      found[#found + 1] = { id, f[1], f[2], f[3] or '', code }
      if #found == args.limit then return found end
    end
    start = '(' .. id
  end
  looked = looked + #ids
until #ids < args.limit or looked >= args.most_looked_at
return found

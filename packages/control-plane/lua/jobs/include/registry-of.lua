--- @include "jobs/include/job"

local function host_of(reference)
  local host = string.match(reference, '^([^/]+)/')
  if not host or not (string.find(host, '[.:%u]') or host == 'localhost') then return 'docker.io' end
  host = string.lower(host)
  return (host == 'index.docker.io' or host == 'registry-1.docker.io') and 'docker.io' or host
end

-- Returns the registries that the job pushes to: the host of each, and the first repository there.
local function registries_of(job)
  local list, seen = {}, {}
  for _, reference in ipairs(references_of(job)) do
    local host = host_of(reference)
    if not seen[host] then list[#list + 1] = { host = host, repository = (string.gsub(reference, ':[^:/]*$', '')) } end
    seen[host] = true
  end
  return list
end

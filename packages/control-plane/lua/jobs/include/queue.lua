--- @include "jobs/include/job"
-- The queues of builds in BullMQ, as far as scripts know them. Only this file writes `undispatched`, the set of jobs that may be missing there.

-- Jobs that this operation brings into the queues: {id, priority, pool}, …
local released = {}
-- Jobs that this operation takes out of the queues: {id, pool}, …
local withdrawn = {}

-- Returns the reply of an operation: its outcome, the jobs to add to the queues, and the jobs to remove from them.
local function reply(outcome) return { outcome, released, withdrawn } end

local function enqueue(job)
  redis.call('ZADD', keys.undispatched, now, job.id)
  released[#released + 1] = { job.id, get(job, 'priority'), pool_of(job) }
end

-- A worker may have the job. It then leaves the queue by itself.
local function withdraw(job)
  redis.call('ZREM', keys.undispatched, job.id)
  withdrawn[#withdrawn + 1] = { job.id, pool_of(job) }
end

-- Records that no caller has to add the job: a worker has it from the queue, or it waits elsewhere.
local function forget_undispatched(job) redis.call('ZREM', keys.undispatched, job.id) end

export { type AttemptEnd, JobStore, type Requeue, type StartReply } from './job-store.js';
export type { JobFilter, JobPage } from './list.js';
export { type JobRecord, toJob } from './record.js';

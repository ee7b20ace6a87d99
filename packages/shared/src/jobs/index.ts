export { createDispatcher, type Dispatcher } from './dispatcher.js';
export {
  type AttemptEnd,
  type Created,
  type DispatchJob,
  JobStore,
  type PeekReply,
  type Requeue,
  type StartReply,
  type Tenant,
} from './job-store.js';
export type { JobFilter, JobPage } from './list.js';
export { type JobRecord, toJob } from './record.js';

export type { AttemptEnd, RegistrySign, Requeue, SmallLog } from './attempt-outcome.js';
export { type BatchRecord, toBatch } from './batch-record.js';
export { BatchStore } from './batch-store.js';
export { BuildClients, type WaitingClient } from './build-clients.js';
export { cancelStopped } from './cancel-stopped.js';
export { Dispatch, type DispatchJob, type QueueChange } from './dispatch.js';
export { Hold, type HoldState } from './hold.js';
export type { PartPlan, Tenant } from './identity.js';
export {
  type AdmitReply,
  type AttachReply,
  JobStore,
  type StartReply,
} from './job-store.js';
export type { JobFilter, JobPage } from './list.js';
export { bytesOfAll, type PlannedRecord, type PlanOptions, plannedRecord } from './planned-record.js';
export { type JobRecord, toJob } from './record.js';
export { listRegistries, type RegistryState, registryOfImage } from './registries.js';

export { baseImageFits, canonicalImage, familiarImage } from './base-image.js';
export {
  type Batch,
  type BatchJobEvent,
  type BatchOptions,
  type BatchRequest,
  batchJobEventSchema,
  batchPlanSchema,
  batchRequestSchema,
  batchSchema,
  maxBatchItems,
} from './batch.js';
export type {
  BatchEvent,
  BuilderEvent,
  JobEvent,
  JobEventType,
  StreamEvent,
  WebhookEvent,
} from './event.js';
export { builderSchema, queueSchema, replicaIdSchema } from './fleet.js';
export {
  type FunctionSelector,
  type FunctionView,
  functionRequestSchema,
  functionSelectorSchema,
  functionViewSchema,
  type RebuildPlan,
  type RebuildRequest,
  rebuildPlanSchema,
  rebuildRequestSchema,
} from './function.js';
export {
  type BuilderConfig,
  type BuilderResult,
  type BuilderStatus,
  builderConfigSchema,
  configEntry,
  contextFolder,
  maxStreamLineBytes,
  type PublicKey,
  publicKeySchema,
  secretsEntry,
} from './function-builder.js';
export { type ImageReference, imageRepository, parseImageReference } from './image-reference.js';
export {
  type Attempt,
  attemptSchema,
  batchIdSchema,
  isTerminal,
  type Job,
  type JobError,
  type JobResult,
  type JobState,
  jobErrorSchema,
  jobIdSchema,
  jobResultSchema,
  jobSchema,
  jobStates,
  type TerminalState,
  terminalStates,
} from './job.js';
export {
  digestSchema,
  functionSchema,
  type GitSource,
  imageSchema,
  type JobRequest,
  type JobSpec,
  jobRequestSchema,
  jobSpecSchema,
  priorityClasses,
  templateNameSchema,
  type Vcs,
} from './job-spec.js';
export { defaultPool, normalPlatform, platformSchema, poolNameSchema } from './pool.js';
export { sourceSchema } from './source.js';
export { type Template, templateSchema } from './template.js';
export {
  type DeliveryAttempt,
  type DeliveryState,
  type DeliveryView,
  type DisabledReason,
  deliveryIdSchema,
  deliverySchema,
  deliveryStates,
  type EndpointPatch,
  type EndpointRequest,
  type EndpointView,
  endpointIdSchema,
  endpointPatchSchema,
  endpointRequestSchema,
  endpointSchema,
  type MessageType,
  type WebhookEventType,
  type WebhookFormat,
  webhookEventTypes,
} from './webhook.js';
export {
  type BatchMessage,
  type BuilderMessage,
  batchMessageSchema,
  builderMessageSchema,
  type JobMessage,
  jobMessageSchema,
  type Message,
  type WebhookMessage,
  webhookMessageSchema,
} from './webhook-message.js';

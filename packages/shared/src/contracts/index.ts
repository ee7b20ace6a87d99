export { type JobEvent, type JobEventType, type WebhookMessage, webhookMessageSchema } from './event.js';
export { builderSchema, queueSchema, replicaIdSchema } from './fleet.js';
export {
  type BuilderConfig,
  type BuilderResult,
  type BuilderStatus,
  builderConfigSchema,
  configEntry,
  contextFolder,
  maxStreamLineBytes,
} from './function-builder.js';
export { type ImageReference, imageRepository, parseImageReference } from './image-reference.js';
export {
  type Attempt,
  attemptSchema,
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
export { digestSchema, imageSchema, type JobSpec, jobSpecSchema, priorityClasses } from './job-spec.js';
export { sourceSchema } from './source.js';

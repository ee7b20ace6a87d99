export {
  type Base,
  baseImageFits,
  baseSchema,
  canonicalImage,
  familiarImage,
  maxBases,
  maxBasesBytes,
} from './base-image.js';
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
export {
  batchFailuresSchema,
  type FailureGroup,
  failureCauseSchema,
  maxListedFailures,
} from './batch-failures.js';
export {
  type ArgumentRule,
  argumentRule,
  cacheNamespaceArg,
  sandboxHostnameArg,
  withoutWorkerArguments,
} from './build-arguments.js';
export {
  type Campaign,
  type CampaignFunction,
  type Comparison,
  type ComparisonOutcome,
  campaignFunctionSchema,
  campaignFunctionStates,
  campaignIdSchema,
  campaignSchema,
  comparisonOutcomes,
  maxCampaignFunctions,
  maxWaves,
  type Waves,
} from './campaign.js';
export {
  type EngineName,
  engineFacts,
  engineNames,
  type ReportedEngine,
  reportedEngines,
  sharedMachineEngines,
} from './engines.js';
export type {
  BaseImageEvent,
  BatchEvent,
  BuilderEvent,
  JobEvent,
  JobEventType,
  StreamEvent,
  WebhookEvent,
} from './event.js';
export {
  builderSchema,
  queueSchema,
  type ReplicaEngine,
  type ReplicaReadiness,
  replicaEngineSchema,
  replicaIdSchema,
  replicaReadinessSchema,
} from './fleet.js';
export { type ReplicaCondition, receivesBuilds, replicaCondition } from './fleet-condition.js';
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
  type BuilderFeature,
  type BuilderResult,
  type BuilderStatus,
  builderConfigSchema,
  builderFeatures,
  buildIdHeader,
  buildPath,
  configEntry,
  contextFolder,
  engineHeader,
  featuresHeader,
  instanceHeader,
  isBuildId,
  isolationHeader,
  maxStreamLineBytes,
  type PublicKey,
  publicKeySchema,
  secretsEntry,
} from './function-builder.js';
export type { GitSource } from './git.js';
export { idPattern } from './ids.js';
export { type ImageReference, imageRepository, parseImageReference } from './image-reference.js';
export {
  type Attempt,
  attemptSchema,
  batchIdSchema,
  errorCodeSchema,
  type Job,
  type JobError,
  type JobResult,
  jobErrorSchema,
  jobIdSchema,
  jobResultSchema,
  jobSchema,
  jobStateSchema,
} from './job.js';
export {
  type BuildOption,
  type BuildOptions,
  buildOptions,
  buildOptionsOf,
  digestSchema,
  functionSchema,
  imageSchema,
  type JobRequest,
  type JobSpec,
  jobRequestSchema,
  jobSpecSchema,
  mapFields,
  templateNameSchema,
  type Vcs,
} from './job-spec.js';
export {
  type LiveBaseImage,
  type LiveBuilder,
  type LiveJob,
  type LiveWebhook,
  liveEventSchema,
} from './live.js';
export {
  type DeliveryState,
  type DisabledReason,
  defaultEventTypes,
  deliveryStates,
  disabledReasonTexts,
  isTerminal,
  type JobState,
  jobStates,
  onFailureChoices,
  type PriorityClass,
  priorityClasses,
  type TerminalState,
  terminalStates,
  type WebhookEventType,
  webhookEventTypes,
} from './names.js';
export { defaultPool, platformSchema, platformsSchema, poolNameSchema } from './pool.js';
export { sourceSchema } from './source.js';
export {
  maxStatsMinutes,
  type PoolPoint,
  type ReplicaPoint,
  type Stats,
  statsSchema,
} from './stats.js';
export { type Template, templateSchema } from './template.js';
export {
  type BaseImageChanges,
  createdPayloadSecretSchema,
  createdTokenSchema,
  defaultTenantName,
  type PayloadSecretView,
  payloadSecretSchema,
  type Scope,
  scopes,
  type TenantLimits,
  type TenantSettings,
  type TenantsFile,
  type TenantView,
  type TokenRequest,
  type TokenView,
  tenantNameSchema,
  tenantSchema,
  tenantSettingsSchema,
  tenantsFileSchema,
  tokenIdSchema,
  tokenRequestSchema,
  tokenSchema,
  whoamiSchema,
} from './tenant.js';
export {
  type DeliveryAttempt,
  type DeliveryView,
  deliveryIdSchema,
  deliverySchema,
  type EndpointPatch,
  type EndpointRequest,
  type EndpointView,
  endpointPatchSchema,
  endpointRequestSchema,
  endpointSchema,
  type MessageType,
} from './webhook.js';
export {
  type BaseImageMessage,
  type BatchMessage,
  type BuilderMessage,
  baseImageMessageSchema,
  batchMessageSchema,
  builderMessageSchema,
  endpointIdSchema,
  type JobMessage,
  jobMessageSchema,
  type Message,
  type WebhookMessage,
  webhookMessageSchema,
} from './webhook-message.js';
export type { AnswerMeaning, FormatRequest } from './webhooks/format.js';
export {
  readAnswer,
  type WebhookFormat,
  type WebhookFormatType,
  webhookFormat,
  webhookFormats,
} from './webhooks/formats.js';
export { deliveryReasons } from './webhooks/reasons.js';

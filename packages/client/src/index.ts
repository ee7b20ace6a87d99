export type {
  Batch,
  BatchEvent,
  BatchFailures,
  BatchJobEvent,
  BatchPage,
  BatchPlan,
  BatchRequest,
} from './batches.js';
export type { Campaign, CampaignFunction } from './campaigns.js';
export {
  type AuditEntry,
  type AuditPage,
  type Builder,
  type Client,
  type ClientOptions,
  createClient,
  hasEnded,
  type Job,
  type JobPage,
  type JobRequest,
  type JobState,
  type ListAuditQuery,
  type ListJobsQuery,
  type Queue,
  type Stats,
} from './client.js';
export { ApiError, ConnectionError, connectionReason, type FieldError, isUntrusted } from './errors.js';
export type { LiveEvent, LiveJob } from './events.js';
export type {
  BaseImage,
  BaseImagePage,
  FunctionPage,
  FunctionRequest,
  FunctionSelector,
  FunctionView,
  RebuildPlan,
  RebuildRequest,
  StoredTemplate,
  Template,
  TemplatePage,
} from './functions.js';
export type { LogLine } from './log.js';
export type { PayloadSecret, Scope, Tenant, TenantSettings, Token, Whoami } from './tenants.js';
export type { Archive, Source } from './upload.js';
export { visible } from './visible.js';
export type {
  Delivery,
  DeliveryPage,
  DeliverySummary,
  Webhook,
  WebhookPage,
  WebhookPatch,
  WebhookRequest,
  WebhookWithSecret,
} from './webhooks.js';

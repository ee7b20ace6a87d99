import { z } from 'zod';
import { batchIdSchema, jobIdSchema } from './job.js';
import { callbackSecretSchema, callbackUrlSchema, labelsSchema, vcsSchema } from './job-spec.js';

/** What endpoints can be told of. `builder.…` is for the installation's own tenant; `webhook.test` is asked for, never subscribed to. */
export const webhookEventTypes = [
  'job.queued',
  'job.started',
  'job.succeeded',
  'job.failed',
  'job.canceled',
  'batch.finished',
  'builder.circuit_opened',
  'builder.circuit_closed',
  'webhook.disabled',
] as const;
export type WebhookEventType = (typeof webhookEventTypes)[number];
export type MessageType = WebhookEventType | 'webhook.test';

const webhookEventTypeSchema = z.enum(webhookEventTypes).meta({ id: 'WebhookEventType' });

export const endpointIdSchema = z
  .string()
  .regex(/^wh_[0-9a-z]{26}$/, 'must be wh_ and 26 letters and digits');
export const deliveryIdSchema = z
  .string()
  .regex(/^dlv_[0-9a-z]{32}$/, 'must be dlv_ and 32 letters and digits');

const tokenName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'must be 1 to 63 lower-case letters, digits, _ -')
  .describe('The name of a token that the workers are configured with (WEBHOOK_TOKENS)');
const repository = vcsSchema.shape.repo;

/** What is sent. All but `standard` and `jenkins` are calls of a CI system's own API, at the endpoint's URL. */
const webhookFormatSchema = z
  .discriminatedUnion('type', [
    z
      .strictObject({ type: z.literal('standard') })
      .meta({ id: 'StandardFormat', description: 'Standard Webhooks 1.0' }),
    z
      .strictObject({
        type: z.literal('jenkins'),
        token: tokenName.optional().describe('Sent as the header `token`, which the plugin takes'),
      })
      .meta({
        id: 'JenkinsFormat',
        description:
          'The message with a flat copy of its fields, for the Generic Webhook Trigger plugin; signed as well',
      }),
    z
      .strictObject({
        type: z.literal('github_commit_status'),
        token: tokenName,
        context: z.string().min(1).max(200).optional().describe('`slipway/<function>` unless given'),
      })
      .meta({
        id: 'GithubCommitStatusFormat',
        description: 'A status on the commit of `vcs`; the URL is that of the API, as https://api.github.com',
      }),
    z
      .strictObject({
        type: z.literal('github_dispatch'),
        token: tokenName,
        repo: repository.optional().describe('That of `vcs` unless given'),
        event_type: z
          .string()
          .min(1)
          .max(100)
          .default('slipway')
          .describe('For `on: repository_dispatch: types`'),
      })
      .meta({
        id: 'GithubDispatchFormat',
        description: 'A `repository_dispatch` event; the URL is that of the API',
      }),
    z
      .strictObject({
        type: z.literal('gitlab_commit_status'),
        token: tokenName,
        project: repository.optional().describe('That of `vcs` unless given'),
        name: z.string().min(1).max(200).optional().describe('`slipway/<function>` unless given'),
      })
      .meta({
        id: 'GitlabCommitStatusFormat',
        description:
          'A status on the commit of `vcs`; the URL is that of the instance, as https://gitlab.com',
      }),
    z
      .strictObject({
        type: z.literal('gitlab_pipeline'),
        token: tokenName,
        project: repository,
        ref: z.string().min(1).max(255).describe('The branch or tag whose pipeline is run'),
      })
      .meta({
        id: 'GitlabPipelineFormat',
        description: 'Triggers a pipeline; the URL is that of the instance',
      }),
  ])
  .meta({ id: 'WebhookFormat' });
export type WebhookFormat = z.output<typeof webhookFormatSchema>;

const settings = {
  url: callbackUrlSchema,
  description: z.string().max(500),
  events: z.array(webhookEventTypeSchema).min(1).max(webhookEventTypes.length),
  labels: labelsSchema.describe('Only jobs and batches that carry all of these'),
  format: webhookFormatSchema,
  max_in_flight: z.int().min(1).max(50).describe('Requests that may be under way at once'),
  enabled: z.boolean(),
};

/** The body of `POST /v1/webhooks`. */
export const endpointRequestSchema = z
  .strictObject({
    url: settings.url,
    description: settings.description.default(''),
    events: settings.events.default(['job.succeeded', 'job.failed', 'job.canceled', 'batch.finished']),
    labels: settings.labels.default({}),
    format: settings.format.default({ type: 'standard' }),
    max_in_flight: settings.max_in_flight
      .optional()
      .describe(
        '10 unless given; 1 for the formats that set the status of a commit, so that the last one told is the last one set',
      ),
    enabled: settings.enabled.default(true),
    secret: callbackSecretSchema.optional().describe('Made unless given; shown once, in the answer'),
  })
  .meta({ id: 'WebhookRequest' });
export type EndpointRequest = z.output<typeof endpointRequestSchema>;

/** The body of `PATCH /v1/webhooks/{id}`: what is given replaces what was. */
export const endpointPatchSchema = z
  .strictObject(settings)
  .partial()
  .refine((patch) => Object.keys(patch).length > 0, 'must change something')
  .meta({ id: 'WebhookPatch', minProperties: 1 });
export type EndpointPatch = z.output<typeof endpointPatchSchema>;

const time = z.iso.datetime().describe('RFC 3339, UTC');

/** Why Slipway itself switched an endpoint off. */
export const disabledReasons = ['gone', 'failing', 'failed_in_a_row'] as const;
export type DisabledReason = (typeof disabledReasons)[number];

export const endpointSchema = z
  .object({
    id: endpointIdSchema,
    ...settings,
    disabled: z
      .object({
        reason: z
          .enum(disabledReasons)
          .describe(
            'It answered 410, has failed for five days, or a hundred deliveries in a row were given up',
          ),
        at: time,
      })
      .meta({ id: 'WebhookDisabled' })
      .optional()
      .describe('Why it was switched off, if nobody did; enabling it clears this'),
    failing_since: time.optional().describe('Of the first failure since a delivery last arrived'),
    circuit_open_until: time
      .optional()
      .describe('Nothing is sent until then, because requests fail one after the other'),
    rotating_until: time
      .optional()
      .describe('Until then messages are signed with the secret before this one too'),
    created_at: time,
    updated_at: time,
  })
  .meta({ id: 'Webhook' });
export type EndpointView = z.infer<typeof endpointSchema>;

export const deliveryStates = ['pending', 'delivered', 'failed', 'canceled'] as const;
export type DeliveryState = (typeof deliveryStates)[number];

const deliveryAttemptSchema = z
  .object({
    number: z.int(),
    at: time,
    duration_ms: z.int(),
    status: z.int().optional().describe('HTTP status; absent when there was no answer'),
    error: z
      .string()
      .optional()
      .describe('What went wrong where there was no answer, as `ECONNREFUSED` or `timed_out`'),
    response: z.string().optional().describe('The first 1,024 characters of the body'),
  })
  .meta({ id: 'DeliveryAttempt' });
export type DeliveryAttempt = z.infer<typeof deliveryAttemptSchema>;

/** One message to one endpoint, with all that was tried. */
export const deliverySchema = z
  .object({
    id: deliveryIdSchema,
    state: z.enum(deliveryStates),
    webhook: endpointIdSchema.optional().describe('Absent for a callback of a job or batch'),
    url: z.string(),
    type: z.enum([...webhookEventTypes, 'webhook.test']),
    message_id: z.string().describe('The `webhook-id`, the same in all attempts and when it is sent again'),
    job: jobIdSchema.optional(),
    batch: batchIdSchema.optional(),
    redelivery_of: deliveryIdSchema.optional(),
    reason: z
      .string()
      .optional()
      .describe(
        'Why it failed for good or was canceled: `exhausted`, `gone`, `egress_denied`, `webhook_disabled`, `stale`, …',
      ),
    created_at: time,
    next_attempt_at: time.optional().describe('While it is pending'),
    finished_at: time.optional(),
    attempts: z.array(deliveryAttemptSchema),
    request: z
      .string()
      .describe('The message: the body of the format `standard`, of which other formats make theirs'),
  })
  .meta({ id: 'Delivery' });
export type DeliveryView = z.infer<typeof deliverySchema>;

import { z } from 'zod';
import { idSchema } from './ids.js';
import { batchIdSchema, jobIdSchema } from './job.js';
import { callbackSecretSchema, callbackUrlSchema, labelsSchema, vcsSchema } from './job-spec.js';
import {
  defaultEventTypes,
  deliveryStates,
  disabledReasons,
  type WebhookEventType,
  webhookEventTypes,
} from './names.js';
import { endpointIdSchema } from './webhook-message.js';
import type { FormatField } from './webhooks/format.js';
import { type WebhookFormat, webhookFormats } from './webhooks/formats.js';

export type MessageType = WebhookEventType | 'webhook.test';

const webhookEventTypeSchema = z.enum(webhookEventTypes).meta({ id: 'WebhookEventType' });

export const deliveryIdSchema = idSchema('dlv');

const tokenName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'must be 1 to 63 lower-case letters, digits, _ -')
  .describe('The name of a token in WEBHOOK_TOKENS of the workers');

const fieldRules = { token: tokenName, repository: vcsSchema.shape.repo };

function fieldSchema(field: FormatField): z.ZodType {
  const { rule } = field;
  const text = typeof rule === 'string' ? fieldRules[rule] : z.string().min(1).max(rule.maxLength);
  const schema =
    field.default !== undefined ? text.default(field.default) : field.required ? text : text.optional();
  return field.description === undefined ? schema : schema.describe(field.description);
}

/** Returns the schema of a format's settings. Its id in the OpenAPI document is the type in Pascal case: `JenkinsFormat`. */
function formatSchema({ type, description, fields }: (typeof webhookFormats)[number]) {
  const shape = Object.entries(fields).map(([name, field]) => [name, fieldSchema(field)] as const);
  const id = `${type.replace(/(?:^|_)([a-z])/g, (_match, first: string) => first.toUpperCase())}Format`;
  return z.strictObject({ type: z.literal(type), ...Object.fromEntries(shape) }).meta({ id, description });
}

type FormatSchema = ReturnType<typeof formatSchema>;
const [first, ...others] = webhookFormats.map(formatSchema) as [FormatSchema, ...FormatSchema[]];
/** The format of the requests. The definitions of the formats also determine its type. */
const webhookFormatSchema = z
  .discriminatedUnion('type', [first, ...others])
  .meta({ id: 'WebhookFormat' }) as unknown as z.ZodType<WebhookFormat, WebhookFormat>;

const settings = {
  url: callbackUrlSchema,
  description: z.string().max(500),
  events: z.array(webhookEventTypeSchema).min(1).max(webhookEventTypes.length),
  labels: labelsSchema.describe('Selects jobs and batches that have all of these labels'),
  format: webhookFormatSchema,
  max_in_flight: z.int().min(1).max(50).describe('Maximum of concurrent requests'),
  enabled: z.boolean(),
};

/** The body of `POST /v1/webhooks`. */
export const endpointRequestSchema = z
  .strictObject({
    url: settings.url,
    description: settings.description.default(''),
    events: settings.events.default(defaultEventTypes),
    labels: settings.labels.default({}),
    format: settings.format.default({ type: 'standard' }),
    max_in_flight: settings.max_in_flight
      .optional()
      .describe(
        'Default: 10, or 1 for formats that set the status of a commit, so that the last message sets the final status',
      ),
    enabled: settings.enabled.default(true),
    secret: callbackSecretSchema
      .optional()
      .describe('Default: a generated secret. Only this answer shows it'),
  })
  .meta({ id: 'WebhookRequest' });
export type EndpointRequest = z.output<typeof endpointRequestSchema>;

/** The body of `PATCH /v1/webhooks/{id}`. Given fields replace the current ones. */
export const endpointPatchSchema = z
  .strictObject(settings)
  .partial()
  .refine((patch) => Object.keys(patch).length > 0, 'must change something')
  .meta({ id: 'WebhookPatch', minProperties: 1 });
export type EndpointPatch = z.output<typeof endpointPatchSchema>;

const time = z.iso.datetime().describe('RFC 3339, UTC');

export const endpointSchema = z
  .object({
    id: endpointIdSchema,
    ...settings,
    disabled: z
      .object({
        reason: z
          .enum(disabledReasons)
          .describe(
            'The endpoint answered 410, failed for five days, or 100 consecutive deliveries failed permanently',
          ),
        at: time,
      })
      .meta({ id: 'WebhookDisabled' })
      .optional()
      .describe('The reason for which Slipway disabled the endpoint; enabling it clears this'),
    failing_since: time.optional().describe('The first failure since the last successful delivery'),
    circuit_open_until: time
      .optional()
      .describe('Slipway sends nothing until then, because consecutive requests failed'),
    rotating_until: time
      .optional()
      .describe('Until then Slipway signs messages with the previous secret, too'),
    created_at: time,
    updated_at: time,
  })
  .meta({ id: 'Webhook' });
export type EndpointView = z.infer<typeof endpointSchema>;

const deliveryAttemptSchema = z
  .object({
    number: z.int(),
    at: time,
    duration_ms: z.int(),
    status: z.int().optional().describe('HTTP status; absent when there was no answer'),
    error: z
      .string()
      .optional()
      .describe('The error when there was no answer, such as `ECONNREFUSED` or `timed_out`'),
    response: z.string().optional().describe('The first 1,024 characters of the body'),
  })
  .meta({ id: 'DeliveryAttempt' });
export type DeliveryAttempt = z.infer<typeof deliveryAttemptSchema>;

/** A message to an endpoint, with all its attempts. */
export const deliverySchema = z
  .object({
    id: deliveryIdSchema,
    state: z.enum(deliveryStates),
    webhook: endpointIdSchema.optional().describe('Absent for a callback of a job or batch'),
    url: z.string(),
    type: z.enum([...webhookEventTypes, 'webhook.test']),
    message_id: z.string().describe('The `webhook-id`, the same in all attempts and redeliveries'),
    job: jobIdSchema.optional(),
    batch: batchIdSchema.optional(),
    redelivery_of: deliveryIdSchema.optional(),
    reason: z
      .string()
      .optional()
      .describe(
        'The reason that it failed permanently or was canceled: `exhausted`, `gone`, `egress_denied`, `webhook_disabled`, `stale`, …',
      ),
    created_at: time,
    next_attempt_at: time.optional().describe('Set while the delivery is pending'),
    finished_at: time.optional(),
    attempts: z.array(deliveryAttemptSchema),
    request: z
      .string()
      .describe('The message: the body of the format `standard`. Other formats derive theirs from it'),
  })
  .meta({ id: 'Delivery' });
export type DeliveryView = z.infer<typeof deliverySchema>;

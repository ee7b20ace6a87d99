import {
  batchIdSchema,
  deliveryIdSchema,
  deliverySchema,
  deliveryStates,
  endpointIdSchema,
  endpointRequestSchema,
  endpointSchema,
  jobIdSchema,
} from '@slipway/shared/contracts';
import { z } from 'zod';

export const endpointPath = z.object({ id: endpointIdSchema });
export const deliveryPath = z.object({ id: deliveryIdSchema });

const limit = z.coerce.number().int().min(1).max(200).default(50);
const nextCursor = z.string().optional().describe('Absent on the last page');

export const endpointsQuery = z.strictObject({
  limit,
  cursor: endpointIdSchema.optional().describe('`next_cursor` of the page before'),
});

export const endpointPageSchema = z
  .object({ webhooks: z.array(endpointSchema), next_cursor: nextCursor })
  .meta({ id: 'WebhookPage' });

/** An endpoint at one of the two moments at which its secret is shown. */
export const endpointWithSecretSchema = endpointSchema
  .extend({
    secret: z.string().describe('`whsec_` and base64. Keep it: it is shown in this answer alone'),
  })
  .meta({ id: 'WebhookWithSecret' });

export const rotateSchema = z
  .strictObject({ secret: endpointRequestSchema.shape.secret.describe('Made unless given') })
  .meta({ id: 'WebhookRotation' });

/** A clock of the caller's that runs a little fast does no harm. */
const clockToleranceMs = 60_000;

export const recoverSchema = z
  .strictObject({
    since: z.iso
      .datetime({ offset: true, message: 'must be a time after RFC 3339, as 2026-05-17T09:00:00Z' })
      .refine((text) => !(Date.parse(text) > Date.now() + clockToleranceMs), 'must not lie in the future')
      .describe('RFC 3339'),
  })
  .meta({ id: 'WebhookRecovery' });

export const recoveredSchema = z
  .object({ recovered: z.int().describe('Deliveries that were made; each message counts once') })
  .meta({ id: 'WebhookRecovered' });

const deliveryListQuery = z.strictObject({
  state: z.enum(deliveryStates).optional(),
  limit,
  cursor: z
    .string()
    .regex(/^\d{1,15}\.dlv_[0-9a-z]{32}$/, 'must be the `next_cursor` of a page')
    .optional()
    .describe('`next_cursor` of the page before'),
});
export const endpointDeliveriesQuery = deliveryListQuery;
export const deliveriesQuery = deliveryListQuery.extend({
  job: jobIdSchema.optional(),
  batch: batchIdSchema.optional(),
});

/** What a list shows of a delivery: a page of two hundred would have megabytes of bodies. */
const { request: _request, attempts, ...outline } = deliverySchema.shape;
const deliverySummarySchema = z
  .object({
    ...outline,
    attempts: z.array(attempts.element.omit({ response: true }).meta({ id: 'DeliveryAttemptSummary' })),
  })
  .meta({
    id: 'DeliverySummary',
    description: 'A delivery without the bodies, which GET /v1/deliveries/{id} shows',
  });

export const deliveryPageSchema = z
  .object({ deliveries: z.array(deliverySummarySchema), next_cursor: nextCursor })
  .meta({ id: 'DeliveryPage' });

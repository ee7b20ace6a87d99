import { z } from 'zod';
import { batchSchema } from './batch.js';
import { replicaIdSchema } from './fleet.js';
import { idSchema } from './ids.js';
import { jobSchema } from './job.js';
import { vcsSchema } from './job-spec.js';
import { disabledReasons } from './names.js';

export const endpointIdSchema = idSchema('wh');

const envelope = {
  api_version: z
    .literal('v1')
    .describe('The version of this format. Slipway may add fields, but removes none'),
  timestamp: z.iso.datetime().describe('The time of the event, not of the delivery'),
};
const sequence = z
  .int()
  .describe(
    'Increases with each event about the same job, batch, replica, endpoint or base image. Drop an event whose sequence is not above the last one',
  );
const url = z.string().describe('The URL of the full record; only an API path if PUBLIC_URL is not set');

/** The body of a message in the format of Standard Webhooks 1.0: thin, under 20 KB. */
export const jobMessageSchema = z
  .object({
    ...envelope,
    type: z.enum(['job.queued', 'job.started', 'job.succeeded', 'job.failed', 'job.canceled']),
    data: z
      .object({
        sequence,
        url,
        job: jobSchema
          .pick({ id: true, state: true, function: true, image: true, version: true })
          .meta({ id: 'JobSummary' }),
        batch: jobSchema.shape.batch,
        vcs: vcsSchema.optional(),
        digest: z.string().optional().describe('The digest of the pushed image'),
        code: z.string().optional(),
        detail: z.string().optional(),
        labels: z.record(z.string(), z.string()),
      })
      .meta({ id: 'JobMessageData' }),
  })
  .meta({ id: 'JobMessage' });
export type JobMessage = z.infer<typeof jobMessageSchema>;

/** The body of the message about the end of a batch. */
export const batchMessageSchema = z
  .object({
    ...envelope,
    type: z.literal('batch.finished'),
    data: z
      .object({
        sequence,
        url,
        batch: batchSchema
          .pick({ id: true, total: true, counts: true, labels: true, retry_of: true })
          .meta({ id: 'BatchSummary' }),
        failures: z
          .array(
            jobSchema
              .pick({ id: true, image: true, function: true })
              .extend({ code: z.string().optional() })
              .meta({ id: 'FailedJob' }),
          )
          .describe('Failed jobs, as many as fit'),
      })
      .meta({ id: 'BatchMessageData' }),
  })
  .meta({ id: 'BatchMessage' });
export type BatchMessage = z.infer<typeof batchMessageSchema>;

export const builderMessageSchema = z
  .object({
    ...envelope,
    type: z.enum(['builder.circuit_opened', 'builder.circuit_closed']),
    data: z
      .object({
        sequence,
        url,
        builder: z.object({ id: replicaIdSchema, url: z.string() }).meta({ id: 'BuilderSummary' }),
      })
      .meta({ id: 'BuilderMessageData' }),
  })
  .meta({ id: 'BuilderMessage' });
export type BuilderMessage = z.infer<typeof builderMessageSchema>;

export const webhookMessageSchema = z
  .object({
    ...envelope,
    type: z.enum(['webhook.disabled', 'webhook.test']),
    data: z
      .object({
        sequence,
        url,
        webhook: z
          .object({
            id: endpointIdSchema,
            url: z.string(),
            reason: z.enum(disabledReasons).optional(),
          })
          .meta({ id: 'WebhookSummary' }),
      })
      .meta({ id: 'WebhookMessageData' }),
  })
  .meta({ id: 'WebhookMessage' });
export type WebhookMessage = z.infer<typeof webhookMessageSchema>;

/** A base image with another digest in its registry. */
export const baseImageSummarySchema = z
  .object({
    reference: z.string().describe('In canonical spelling: `docker.io/library/node:22-alpine`'),
    digest: z
      .string()
      .describe(
        'What the registry has now: the digest of the index, or of the manifest if the image has no index',
      ),
    previous_digest: z
      .string()
      .optional()
      .describe('What it had at the check before. Absent at the first check'),
    functions: z.int().describe('Functions whose last success used the base image'),
    behind: z.int().describe('Functions among them with a known digest other than the new one'),
  })
  .meta({ id: 'BaseImageSummary' });

export const baseImageMessageSchema = z
  .object({
    ...envelope,
    type: z.literal('base_image.changed'),
    data: z
      .object({ sequence, url, base_image: baseImageSummarySchema })
      .meta({ id: 'BaseImageMessageData' }),
  })
  .meta({ id: 'BaseImageMessage' });
export type BaseImageMessage = z.infer<typeof baseImageMessageSchema>;

export type Message = JobMessage | BatchMessage | BuilderMessage | WebhookMessage | BaseImageMessage;

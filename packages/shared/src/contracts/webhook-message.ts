import { z } from 'zod';
import { batchSchema } from './batch.js';
import { replicaIdSchema } from './fleet.js';
import { jobSchema } from './job.js';
import { vcsSchema } from './job-spec.js';
import { disabledReasons, endpointIdSchema } from './webhook.js';

const envelope = {
  api_version: z.literal('v1').describe('Of this shape; fields may join it, none leaves it'),
  timestamp: z.iso.datetime().describe('When it happened, not when it was sent'),
};
const sequence = z
  .int()
  .describe(
    'Grows with each event about the same job, batch, replica or endpoint: drop what is not above what you have',
  );
const url = z
  .string()
  .describe(
    'The whole record; a path of the API where the installation was not told its own URL (PUBLIC_URL)',
  );

/** The body of a message, after Standard Webhooks 1.0: thin, under 20 KB. */
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
        digest: z.string().optional().describe('Of what was pushed'),
        code: z.string().optional(),
        detail: z.string().optional(),
        labels: z.record(z.string(), z.string()),
      })
      .meta({ id: 'JobMessageData' }),
  })
  .meta({ id: 'JobMessage' });
export type JobMessage = z.infer<typeof jobMessageSchema>;

/** The body of the message that tells of the end of a batch. */
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
          .describe('Jobs that have failed, as many as fit'),
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

export type Message = JobMessage | BatchMessage | BuilderMessage | WebhookMessage;

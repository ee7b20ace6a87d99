import { z } from 'zod';
import { batchSchema } from './batch.js';
import { type JobState, jobSchema, type terminalStates } from './job.js';

export type JobEventType =
  | 'job.queued'
  | 'job.started'
  | 'job.requeued'
  | `job.${(typeof terminalStates)[number]}`;

/** One entry of the event stream: that a job changed. The record says the rest. */
export interface JobEvent {
  readonly kind: 'job';
  /** The stream's own id, `<ms>-<n>`: where a reader goes on. */
  readonly position: string;
  readonly type: JobEventType;
  readonly jobId: string;
  readonly batchId: string | undefined;
  readonly state: JobState;
  /** The record's version after the change. With the job's id it identifies the event. */
  readonly version: number;
  /** Milliseconds since the epoch, by Redis' clock. */
  readonly at: number;
}

/** That a batch has come to its end. */
export interface BatchEvent {
  readonly kind: 'batch';
  readonly position: string;
  readonly type: 'batch.finished';
  readonly batchId: string;
  readonly at: number;
}

export type StreamEvent = JobEvent | BatchEvent;

/** The body of a webhook message, after Standard Webhooks 1.0: thin, versioned by its type. */
export const webhookMessageSchema = z
  .object({
    type: z.enum(['job.succeeded', 'job.failed', 'job.canceled']),
    timestamp: z.iso.datetime().describe('When it happened, not when it was sent'),
    data: z.object({
      job: jobSchema.pick({ id: true, state: true, function: true, image: true, version: true }),
      digest: z.string().optional(),
      code: z.string().optional(),
      detail: z.string().optional(),
      labels: z.record(z.string(), z.string()),
    }),
  })
  .meta({ id: 'WebhookMessage' });
export type WebhookMessage = z.infer<typeof webhookMessageSchema>;

/** The body of the message that tells of the end of a batch. */
export const batchWebhookMessageSchema = z
  .object({
    type: z.literal('batch.finished'),
    timestamp: z.iso.datetime().describe('When it happened, not when it was sent'),
    data: z.object({
      batch: batchSchema.pick({ id: true, total: true, counts: true, labels: true, retry_of: true }),
      failures: z
        .array(
          jobSchema.pick({ id: true, image: true, function: true }).extend({ code: z.string().optional() }),
        )
        .describe('Jobs that have failed, fifty at most'),
    }),
  })
  .meta({ id: 'BatchWebhookMessage' });
export type BatchWebhookMessage = z.infer<typeof batchWebhookMessageSchema>;

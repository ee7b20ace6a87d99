import { z } from 'zod';
import { batchIdSchema, jobIdSchema, jobResultSchema, jobStateSchema } from './job.js';
import { callbackSchema, callbackViewSchema, labelsSchema } from './job-spec.js';
import { onFailureChoices } from './names.js';

export const maxBatchItems = 10_000;

export const onFailureSchema = z.enum(onFailureChoices).meta({ id: 'OnFailure' });

const options = {
  on_failure: onFailureSchema
    .default('continue')
    .describe('`stop`: when a job fails permanently, Slipway cancels the jobs that have not started'),
  max_running: z
    .int()
    .min(1)
    .max(maxBatchItems)
    .optional()
    .describe('The maximum of jobs of the batch that run at once; default: as many as the fleet can run'),
  labels: labelsSchema.default({}),
  callback: callbackSchema.optional(),
};

/** The body of `POST /v1/batches`. */
export const batchRequestSchema = z
  .strictObject({
    ...options,
    defaults: z
      .record(z.string(), z.unknown())
      .default({})
      .describe(
        'Fields of a job that items have unless they say otherwise; `build_args`, `labels`, `image_labels` and `annotations` are merged',
      ),
    items: z
      .array(z.record(z.string(), z.unknown()))
      .min(1)
      .max(maxBatchItems)
      .describe('The jobs. Each item plus the defaults is a body of `POST /v1/jobs`'),
    dry_run: z.boolean().default(false).describe('Validate everything, but submit nothing'),
  })
  .meta({ id: 'BatchRequest' });
export type BatchRequest = z.output<typeof batchRequestSchema>;

/** Options of a batch besides its jobs. */
export type BatchOptions = Pick<BatchRequest, 'on_failure' | 'max_running' | 'labels' | 'callback'>;

const time = z.iso.datetime();
const count = z.int().min(0);

/** A batch as the API shows it. */
export const batchSchema = z
  .object({
    id: batchIdSchema,
    state: z
      .enum(['running', 'stopping', 'finished'])
      .describe('`stopping`: Slipway is canceling the jobs that have not started'),
    total: count,
    counts: z
      .object({ queued: count, running: count, succeeded: count, failed: count, canceled: count })
      .meta({ id: 'BatchCounts' }),
    on_failure: options.on_failure,
    max_running: options.max_running,
    labels: z.record(z.string(), z.string()),
    callback: callbackViewSchema.optional(),
    retry_of: batchIdSchema.optional().describe('The batch whose jobs this batch repeats'),
    created_at: time,
    finished_at: time.optional(),
    jobs_per_minute: z.number().optional().describe('Jobs ended per minute since the first one started'),
    estimated_end_at: time.optional().describe('The estimated end at the current rate'),
  })
  .meta({ id: 'Batch' });
export type Batch = z.infer<typeof batchSchema>;

/** A dry run of a batch: the jobs that it would submit. */
export const batchPlanSchema = z
  .object({
    total: count,
    items: z.array(
      z
        .object({
          image: z.string(),
          function: z.string().optional(),
          source: z.string().describe('The digest of the source'),
          template: z.string().optional().describe('The digest of the template'),
        })
        .meta({ id: 'BatchPlanItem' }),
    ),
  })
  .meta({ id: 'BatchPlan' });

/** A change of one job in the event stream of a batch. */
export const batchJobEventSchema = z
  .object({
    id: jobIdSchema,
    state: jobStateSchema,
    version: z.int(),
    at: time,
    image: z.string(),
    function: z.string().optional(),
    digest: z.string().optional().describe('The digest of the image, once the job has succeeded'),
    cached: jobResultSchema.shape.cached,
    code: z.string().optional().describe('The reason that the job failed or was canceled'),
    detail: z.string().optional(),
  })
  .meta({ id: 'BatchJobEvent' });
export type BatchJobEvent = z.infer<typeof batchJobEventSchema>;

import { z } from 'zod';
import { errorCodes } from '../errors/index.js';
import { baseSchema } from './base-image.js';
import { idSchema } from './ids.js';
import { callbackViewSchema, jobSpecSchema, secretsViewSchema } from './job-spec.js';
import { jobStates } from './names.js';
import { platformSchema, poolNameSchema } from './pool.js';

export const jobStateSchema = z.enum(jobStates).meta({ id: 'JobState' });

export const batchIdSchema = idSchema('batch');
export const jobIdSchema = idSchema('job');

const time = z.iso.datetime().describe('RFC 3339, UTC');
/** A code of the error table. Slipway adds codes, so clients that were generated earlier must accept unknown ones. */
export const errorCodeSchema = z
  .enum(errorCodes)
  .meta({ id: 'ErrorCode', 'x-grows': true, description: 'A code of docs/errors.md' });
const code = errorCodeSchema;

export const jobErrorSchema = z
  .object({
    code,
    detail: z.string().describe('The cause, in one line'),
    log_tail: z.array(z.string()).describe('The last lines of the log, the failing step among them'),
  })
  .meta({ id: 'JobError' });
export type JobError = z.infer<typeof jobErrorSchema>;

export const jobResultSchema = z
  .object({
    image: z.string(),
    digest: z
      .string()
      .optional()
      .describe('The digest of the pushed manifest or index, as the builder reported it'),
    duration_ms: z.int().describe('Time that the builder took for pulls, steps, export and push'),
    cached: z
      .boolean()
      .optional()
      .describe('True: nothing was built for this job, because it has the result of an identical one'),
  })
  .meta({ id: 'JobResult' });
export type JobResult = z.infer<typeof jobResultSchema>;

export const attemptSchema = z
  .object({
    number: z.int(),
    worker: z.string(),
    replica: z.string().optional().describe('The builder that the worker called last'),
    wait_ms: z.int().describe('Milliseconds that the job had waited for the attempt'),
    started_at: time,
    finished_at: time.optional(),
    outcome: z
      .enum(['succeeded', ...errorCodes])
      .meta({ id: 'AttemptOutcome', 'x-grows': true })
      .optional()
      .describe('`succeeded`, or the error code of the attempt; absent while it runs'),
    detail: z.string().optional(),
    steps: z
      .object({
        total: z.int().describe('Steps of the Dockerfile that the log shows'),
        cached: z.int().describe('Steps whose layers were cached; the others ran'),
      })
      .meta({ id: 'AttemptSteps' })
      .optional()
      .describe(
        'The progress of the build. If only the push failed, the next attempt repeats no cached step',
      ),
    takeovers: z
      .int()
      .positive()
      .optional()
      .describe('Times that another worker continued the build, because the one before was stopped or lost'),
    log_error: code
      .optional()
      .describe('Present while the log is not stored whole, with the code of the fault of the blob store'),
  })
  .meta({ id: 'Attempt' });
export type Attempt = z.infer<typeof attemptSchema>;

/** A job as the API shows it. */
export const jobSchema = z
  .object({
    id: jobIdSchema,
    state: jobStateSchema,
    ...jobSpecSchema.shape,
    secrets: secretsViewSchema.optional().describe('Encrypted; the API never returns their values'),
    function: z.string().optional(),
    pool: poolNameSchema.describe(
      'The pool that builds the job, requested or chosen; for a job with `parts`, the pool that joins them',
    ),
    parts: z
      .array(
        z
          .object({
            job: jobIdSchema,
            pool: poolNameSchema,
            platforms: z.array(platformSchema),
            state: jobStateSchema.optional().describe('Absent until that job was created'),
          })
          .meta({ id: 'JobPart' }),
      )
      .optional()
      .describe('The part jobs, one per pool, if no single pool builds all platforms of the job'),
    part_of: jobIdSchema.optional().describe('The job that this part job belongs to'),
    batch: batchIdSchema.optional(),
    callback: callbackViewSchema.optional(),
    version: z.int().describe('Increases by one with every change of state'),
    created_at: time,
    started_at: time.optional().describe('The start of the first attempt'),
    finished_at: time.optional(),
    retry_at: time.optional().describe('The earliest start of a queued job that waits for its retry'),
    cancel_requested: z
      .boolean()
      .describe('True after a cancel request. The job may still succeed or fail: see `state`'),
    cancel_requested_at: time.optional().describe('The time of the first cancel request'),
    attempts: z.array(attemptSchema),
    placements: z
      .int()
      .optional()
      .describe(
        'Number of times that the job went back to the queue without spending an attempt, because no replica could build it; absent when zero',
      ),
    trace_id: z
      .string()
      .regex(/^[0-9a-f]{32}$/)
      .optional()
      .describe('The id of the OpenTelemetry trace (W3C Trace Context); absent when tracing was off'),
    result: jobResultSchema.optional(),
    bases: z
      .array(baseSchema)
      .optional()
      .describe('Base images that the build used, with their digests. Absent if no digest is known'),
    error: jobErrorSchema.optional(),
  })
  .meta({ id: 'Job' });
export type Job = z.infer<typeof jobSchema>;

import { z } from 'zod';
import { errorCodes } from '../errors/index.js';
import { callbackViewSchema, jobSpecSchema, secretsViewSchema } from './job-spec.js';
import { platformSchema, poolNameSchema } from './pool.js';

export const jobStates = ['queued', 'running', 'succeeded', 'failed', 'canceled'] as const;
export type JobState = (typeof jobStates)[number];
export const terminalStates = ['succeeded', 'failed', 'canceled'] as const;
export const jobStateSchema = z.enum(jobStates).meta({ id: 'JobState' });
export type TerminalState = (typeof terminalStates)[number];

export const isTerminal = (state: JobState): state is TerminalState =>
  (terminalStates as readonly string[]).includes(state);

export const batchIdSchema = z
  .string()
  .regex(/^batch_[0-9a-z]{26}$/, 'must be batch_ and 26 letters and digits');
export const jobIdSchema = z.string().regex(/^job_[0-9a-z]{26}$/, 'must be job_ and 26 letters and digits');

const time = z.iso.datetime().describe('RFC 3339, UTC');
/** A code of the error table. Codes are added, so clients that were generated earlier must take others too. */
export const errorCodeSchema = z
  .enum(errorCodes)
  .meta({ id: 'ErrorCode', 'x-grows': true, description: 'A code of docs/errors.md' });
const code = errorCodeSchema;

export const jobErrorSchema = z
  .object({
    code,
    detail: z.string().describe('What was wrong, in one line'),
    log_tail: z.array(z.string()).describe('The last lines of the log, the failing step among them'),
  })
  .meta({ id: 'JobError' });
export type JobError = z.infer<typeof jobErrorSchema>;

export const jobResultSchema = z
  .object({
    image: z.string(),
    digest: z.string().optional().describe('Of the pushed manifest or index, as the builder reported it'),
    duration_ms: z.int().describe('What the builder took: pulls, steps, export and push'),
    cached: z
      .boolean()
      .optional()
      .describe('Nothing was built for this job: it has the result of an identical one'),
  })
  .meta({ id: 'JobResult' });
export type JobResult = z.infer<typeof jobResultSchema>;

export const attemptSchema = z
  .object({
    number: z.int(),
    worker: z.string(),
    replica: z.string().optional().describe('The builder that was called last'),
    wait_ms: z.int().describe('How long the job had been waiting for it'),
    started_at: time,
    finished_at: time.optional(),
    outcome: z
      .enum(['succeeded', ...errorCodes])
      .meta({ id: 'AttemptOutcome', 'x-grows': true })
      .optional()
      .describe('`succeeded`, or the code it ended with; absent while it runs'),
    detail: z.string().optional(),
    steps: z
      .object({
        total: z.int().describe('Steps of the Dockerfile that the log shows'),
        cached: z.int().describe('Those whose layers were there; the others ran'),
      })
      .meta({ id: 'AttemptSteps' })
      .optional()
      .describe(
        'What of the build was done: where only the push failed before, the next attempt repeats no cached step',
      ),
  })
  .meta({ id: 'Attempt' });
export type Attempt = z.infer<typeof attemptSchema>;

/** A job as the API shows it. */
export const jobSchema = z
  .object({
    id: jobIdSchema,
    state: jobStateSchema,
    ...jobSpecSchema.shape,
    secrets: secretsViewSchema.optional().describe('Sealed, and shown to nobody'),
    function: z.string().optional(),
    pool: poolNameSchema.describe(
      'The pool that builds it, asked for or chosen; of a job with `parts`, that joins them',
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
      .describe('The jobs that build it, one a pool, where no single pool builds all of its platforms'),
    part_of: jobIdSchema.optional().describe('The job that it builds a part of'),
    batch: batchIdSchema.optional(),
    callback: callbackViewSchema.optional(),
    version: z.int().describe('Grows by one with every change of state'),
    created_at: time,
    started_at: time.optional().describe('When the first attempt began'),
    finished_at: time.optional(),
    retry_at: time.optional().describe('When a queued job that waits to be tried again may start'),
    cancel_requested: z
      .boolean()
      .describe(
        'Whether a cancel was requested. The job may succeed or fail all the same: `state` says how it ended',
      ),
    cancel_requested_at: time.optional().describe('When a cancel was requested first'),
    attempts: z.array(attemptSchema),
    placements: z
      .int()
      .optional()
      .describe(
        'Times that it went back to the queue without an attempt spent, because no replica could build it; absent when none',
      ),
    trace_id: z
      .string()
      .regex(/^[0-9a-f]{32}$/)
      .optional()
      .describe('Of its OpenTelemetry trace (W3C Trace Context); absent where tracing was off'),
    result: jobResultSchema.optional(),
    error: jobErrorSchema.optional(),
  })
  .meta({ id: 'Job' });
export type Job = z.infer<typeof jobSchema>;

import { z } from 'zod';
import { errorCodeSchema, jobSchema } from './job.js';

/** Limit of the jobs that a group lists. */
export const maxListedFailures = 100;

export const failureCauseSchema = z
  .string()
  .regex(/^[0-9a-f]{12}$/)
  .describe(
    'Names the cause: a hash of the code and of the last line without numbers, digests and the names of the job',
  );

const failureGroupSchema = z
  .object({
    cause: failureCauseSchema,
    code: errorCodeSchema,
    detail: z.string().describe('The detail of the newest of these failures'),
    last_line: z.string().optional().describe('The last line of output in its log'),
    count: z.int().min(1).describe('The number of jobs that failed so'),
    jobs: z
      .array(jobSchema.pick({ id: true, function: true, image: true }).meta({ id: 'JobName' }))
      .describe(`The newest ${maxListedFailures} of these jobs`),
  })
  .meta({ id: 'FailureGroup' });
export type FailureGroup = z.infer<typeof failureGroupSchema>;

export const batchFailuresSchema = z
  .object({
    failed: z.int().min(0),
    groups: z.array(failureGroupSchema).describe('By number of jobs, largest first'),
  })
  .meta({ id: 'BatchFailures' });

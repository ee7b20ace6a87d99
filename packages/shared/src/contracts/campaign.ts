import { z } from 'zod';
import { idSchema } from './ids.js';
import { batchIdSchema, jobIdSchema } from './job.js';
import { callbackViewSchema } from './job-spec.js';

export const campaignIdSchema = idSchema('campaign');

/** Limit of the functions of a campaign. */
export const maxCampaignFunctions = 5_000;
/** Limit of the waves of a campaign. */
export const maxWaves = 50;

const time = z.iso.datetime();
const count = z.int().min(0);

export const wavesSchema = z
  .strictObject({
    canary: z
      .int()
      .min(1)
      .max(maxCampaignFunctions)
      .optional()
      .describe('The number of functions of the first wave; default: as many as in the other waves'),
    // `oneOf` of a number and a text.
    size: z
      .union([
        z.int().min(1).max(maxCampaignFunctions),
        z.string().regex(/^(?:[1-9]\d?|100)%$/, 'must be a number of functions, or 1% to 100%'),
      ])
      .optional()
      .describe(
        'The size of each later wave: a number of functions, or a share of all functions of the campaign; default: `100%`',
      ),
  })
  .meta({ id: 'Waves' })
  .describe('Makes the rebuild a campaign: a wave begins when all jobs of the wave before have ended');
export type Waves = z.output<typeof wavesSchema>;

/** The fields of a rebuild that need `waves`. */
export const campaignOptions = {
  waves: wavesSchema.optional(),
  max_failures: count
    .max(maxCampaignFunctions)
    .optional()
    .describe(
      'With `waves`: the campaign pauses when more jobs of one wave have failed; default: 0, so the first failure pauses it',
    ),
  finish_by: time
    .optional()
    .describe(
      'With `waves`: the time when the campaign should have ended. Slipway compares its prediction with it (`late`)',
    ),
  only_changed: z
    .boolean()
    .optional()
    .describe(
      'With `waves` and `callback`: of the jobs, the callback receives only successes with another digest than the last success of the function',
    ),
};

/** Results of a function: its new image compared with the image of its last success before the campaign. */
export const comparisonOutcomes = ['changed', 'unchanged', 'unknown', 'failed', 'canceled'] as const;
export type ComparisonOutcome = (typeof comparisonOutcomes)[number];

export const campaignFunctionStates = ['waiting', 'running', ...comparisonOutcomes] as const;

const comparisonSchema = z
  .object({
    changed: count.describe('Built, and the digest differs. Includes functions without a success before'),
    unchanged: count.describe('Built, and the digest is the same'),
    unknown: count.describe('Built, but one of the two digests is unknown'),
    failed: count,
    canceled: count.describe('Canceled, or superseded by a newer job'),
  })
  .meta({ id: 'CampaignComparison' });
export type Comparison = z.infer<typeof comparisonSchema>;

export const campaignSchema = z
  .object({
    id: campaignIdSchema,
    state: z
      .enum(['running', 'paused', 'stopping', 'finished'])
      .describe('`stopping`: it was canceled, and its jobs are being canceled'),
    paused_by: z
      .enum(['request', 'max_failures'])
      .optional()
      .describe('Why it is paused. `max_failures`: too many jobs of the current wave have failed'),
    canceled: z.boolean().describe('Whether it was canceled'),
    total: count.describe('The number of functions'),
    wave: z.int().min(1).describe('The number of the current wave, or of the last one'),
    waves: z.array(
      z
        .object({
          number: z.int().min(1),
          total: count,
          state: z.enum(['waiting', 'running', 'finished']),
          batch: batchIdSchema.describe('The batch of its jobs'),
          counts: z
            .object({ queued: count, running: count, succeeded: count, failed: count, canceled: count })
            .meta({ id: 'WaveCounts' })
            .optional()
            .describe('Absent when the record of the batch was removed because of its age'),
        })
        .meta({ id: 'Wave' }),
    ),
    comparison: comparisonSchema.describe('The functions of the waves that have ended'),
    base_images: z
      .array(z.string())
      .describe('With `base_image` or `behind`: the base images whose functions it builds'),
    max_failures: count,
    max_running: z.int().optional().describe('The limit of jobs that run at once'),
    only_changed: z.boolean(),
    labels: z.record(z.string(), z.string()),
    callback: callbackViewSchema.optional(),
    retry_of: campaignIdSchema.optional().describe('The campaign whose functions this campaign repeats'),
    finish_by: time.optional(),
    predicted_end: time
      .optional()
      .describe(
        'The end at the measured rate, without the time that it was paused. Absent before the first job has ended, and after the end',
      ),
    late: z
      .boolean()
      .optional()
      .describe('With `finish_by`: whether the end, or its prediction, is later than `finish_by`'),
    jobs_per_minute: z.number().optional().describe('Jobs ended per minute while it was not paused'),
    created_at: time,
    finished_at: time.optional(),
  })
  .meta({ id: 'Campaign' });
export type Campaign = z.infer<typeof campaignSchema>;

export const campaignFunctionSchema = z
  .object({
    function: z.string(),
    wave: z.int().min(1),
    job: jobIdSchema,
    image: z.string(),
    reasons: z.array(z.string()).describe('Why the campaign builds it'),
    state: z
      .enum(campaignFunctionStates)
      .describe('`waiting` or `running`, or how the new image compares with the one before'),
    digest: z.string().optional().describe('The digest of the new image'),
    digest_before: z.string().optional().describe('The digest of the last success before the campaign'),
    code: z.string().optional().describe('Why the job failed or was canceled'),
  })
  .meta({ id: 'CampaignFunction' });
export type CampaignFunction = z.infer<typeof campaignFunctionSchema>;

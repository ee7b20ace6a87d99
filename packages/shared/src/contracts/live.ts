import { z } from 'zod';
import { batchJobEventSchema, batchSchema } from './batch.js';
import { batchIdSchema } from './job.js';
import { disabledReasons } from './names.js';
import { baseImageSummarySchema, endpointIdSchema } from './webhook-message.js';

const at = z.iso.datetime();

const liveJobSchema = batchJobEventSchema
  .extend({ batch: batchIdSchema.optional().describe('The batch that the job belongs to') })
  .meta({ id: 'LiveJob' });
export type LiveJob = z.infer<typeof liveJobSchema>;

const liveBuilderSchema = z
  .object({ url: z.string(), circuit: z.enum(['open', 'closed']), at })
  .meta({ id: 'LiveBuilder' });
export type LiveBuilder = z.infer<typeof liveBuilderSchema>;

const liveWebhookSchema = z
  .object({ id: endpointIdSchema, reason: z.enum(disabledReasons), at })
  .meta({ id: 'LiveWebhook' });
export type LiveWebhook = z.infer<typeof liveWebhookSchema>;

const liveBaseImageSchema = baseImageSummarySchema.extend({ at }).meta({ id: 'LiveBaseImage' });
export type LiveBaseImage = z.infer<typeof liveBaseImageSchema>;

/** The data of an event of `GET /v1/events`: of `job`, `batch.finished`, `builder`, `webhook`, `base_image.changed`, and of the other types. */
export const liveEventSchema = z
  .union([
    liveJobSchema,
    batchSchema,
    liveBuilderSchema,
    liveWebhookSchema,
    liveBaseImageSchema,
    z.object({}),
  ])
  .meta({ id: 'LiveEvent' });

import { z } from 'zod';
import { baseSchema } from './base-image.js';
import { batchSchema, onFailureSchema } from './batch.js';
import { campaignOptions, campaignSchema } from './campaign.js';
import { jobIdSchema, jobResultSchema, jobStateSchema } from './job.js';
import {
  buildArgsSchema,
  buildOptions,
  callbackSchema,
  functionSchema,
  imageSchema,
  jobRequestSchema,
  jobSpecSchema,
  labelsSchema,
  prioritySchema,
  secretsViewSchema,
} from './job-spec.js';

const time = z.iso.datetime();

/** A function as the API shows it: its last build and its spec. */
export const functionViewSchema = z
  .object({
    name: z.string().describe('namespace/name'),
    spec: jobSpecSchema
      .omit({ callback: true })
      .extend({
        secrets: secretsViewSchema.optional().describe('Encrypted; the API never returns their values'),
      })
      .meta({ id: 'FunctionSpec' })
      .describe('The spec of its last job, or the spec that was set with PUT. A rebuild repeats it'),
    last_job: jobIdSchema.optional().describe('Absent when the function has no job'),
    updated_at: time,
    base_images: z
      .array(z.string())
      .describe(
        'Base images: those that FROM, COPY --from and RUN --mount=from named at the last success, in stages that the target needs',
      ),
    bases: z
      .array(baseSchema)
      .describe(
        'The images of `base_images` with the digests that the last success used, as far as they are known',
      ),
    last_success: z
      .object({ job: jobIdSchema, finished_at: time, result: jobResultSchema })
      .meta({ id: 'FunctionSuccess' })
      .optional()
      .describe('The last successful job'),
    history: z
      .array(
        z
          .object({
            job: jobIdSchema,
            state: jobStateSchema,
            created_at: time,
            duration_ms: z.int().optional(),
            digest: z.string().optional(),
            code: z.string().optional(),
          })
          .meta({ id: 'FunctionJob' }),
      )
      .optional()
      .describe('The last jobs, newest first. In a list only with `history`'),
  })
  .meta({ id: 'Function' });
export type FunctionView = z.infer<typeof functionViewSchema>;

/** The body of `PUT /v1/functions/{namespace}/{name}`. */
export const functionRequestSchema = jobRequestSchema
  .omit({ callback: true })
  .meta({ id: 'FunctionRequest' });

/** Selects functions: a function must match every given field. */
export const functionSelectorSchema = z
  .strictObject({
    namespace: z.string().max(63).optional(),
    name: z
      .string()
      .max(128)
      .optional()
      .describe('The function name without its namespace; `*` matches any characters'),
    functions: z.array(functionSchema).max(10_000).optional().describe('Function names'),
    labels: labelsSchema.optional(),
    template: z.string().max(192).optional(),
    base_image: z
      .string()
      .max(512)
      .optional()
      .describe(
        'A stage begins, copies or mounts from it: `node`, `node:22-alpine` or a whole reference; Docker Hub names in any spelling',
      ),
    behind: z
      .literal(true)
      .optional()
      .describe(
        'Its last success used another digest of a base image than the newest known one; with `base_image`: of that image',
      ),
  })
  .refine((selector) => Object.keys(selector).length > 0, 'must name at least one thing to select by')
  .meta({ id: 'FunctionSelector', minProperties: 1 });
export type FunctionSelector = z.output<typeof functionSelectorSchema>;

const imagePatternSchema = imageSchema.or(
  z.string().max(512).regex(/\{/, 'must be an image reference, with placeholders or without'),
);

/** The body of `POST /v1/rebuilds`. */
export const rebuildRequestSchema = z
  .strictObject({
    select: functionSelectorSchema,
    image: imagePatternSchema
      .optional()
      .describe(
        'Where the images are pushed: with {registry}, {repository}, {tag}, {namespace}, {name} and the names of `values`; as before unless given',
      ),
    values: z
      .record(z.string().regex(/^[a-z][a-z0-9_]{0,31}$/), z.string().max(128))
      .default({})
      .describe('Values of placeholders'),
    build_args: buildArgsSchema.default({}).describe('Merged over the arguments of each function'),
    ...buildOptions,
    tags: z
      .array(imagePatternSchema)
      .max(16)
      .optional()
      .describe('More references, with the placeholders of `image`; default: those of each function'),
    image_labels: buildOptions.image_labels.describe('Merged over the image labels of each function'),
    annotations: buildOptions.annotations.describe('Merged over the annotations of each function'),
    labels: labelsSchema
      .default({})
      .describe('Labels of the batch, also merged over the labels of each function'),
    callback: callbackSchema
      .optional()
      .describe('Receives the end of the batch; with `waves`, the end of each wave and of each job'),
    ...campaignOptions,
    template: z
      .enum(['current', 'same'])
      .default('current')
      .describe('The newest version of the template, or the version of the last build'),
    priority: prioritySchema.default('low'),
    skip_if_unchanged: z
      .boolean()
      .default(false)
      .describe('Off by default, because a base image may have changed under the same name'),
    max_running: z.int().min(1).max(10_000).optional(),
    on_failure: onFailureSchema.default('continue'),
    dry_run: z.boolean().default(false),
  })
  .meta({ id: 'RebuildRequest' });
export type RebuildRequest = z.output<typeof rebuildRequestSchema>;

/** The plan of a rebuild: the functions and the reasons. */
export const rebuildPlanSchema = z
  .object({
    functions: z.array(
      z
        .object({
          function: z.string(),
          image: z.string(),
          reasons: z
            .array(z.string())
            .describe('The parts of the selector that the function matches, in words'),
          wave: z.int().min(1).optional().describe('With `waves`: the number of its wave'),
        })
        .meta({ id: 'PlannedFunction' }),
    ),
    left_out: z
      .array(
        z
          .object({
            function: z.string(),
            code: z.enum([
              'not_found',
              'source_not_found',
              'template_not_found',
              'dockerfile_invalid',
              'ignore_file_invalid',
            ]),
            reason: z.string(),
          })
          .meta({ id: 'LeftOutFunction' }),
      )
      .describe('Selected functions that cannot be rebuilt'),
    batch: batchSchema
      .optional()
      .describe('The batch that builds them; absent in a dry run and with `waves`'),
    campaign: campaignSchema
      .optional()
      .describe('With `waves`: the campaign that builds them; absent in a dry run'),
  })
  .meta({ id: 'RebuildPlan' });
export type RebuildPlan = z.infer<typeof rebuildPlanSchema>;

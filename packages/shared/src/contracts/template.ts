import { z } from 'zod';
import { digestSchema, templateNameSchema } from './job-spec.js';

/** A template as the API shows it. */
export const templateSchema = z
  .object({
    name: templateNameSchema,
    version: z.int().min(1).describe('Grows by one whenever its files change'),
    digest: digestSchema,
    handler_folder: z
      .string()
      .describe(
        'Where a handler is laid, from its template.yml; `function` unless that says otherwise, empty for the root',
      ),
    build_options: z
      .array(z.object({ name: z.string(), packages: z.array(z.string()) }).meta({ id: 'BuildOption' }))
      .describe('Named sets of packages, from its template.yml'),
    origin: z
      .object({
        repository: z.string().describe('Its URL, without credentials'),
        ref: z.string().optional().describe('The branch, tag or `sha-…` that was asked for'),
        sha: z.string().optional().describe('The commit'),
      })
      .optional()
      .describe('Where `faas-cli` pulled it from, as it notes in the meta.json of the template'),
    updated_at: z.iso.datetime().describe('When its files last changed'),
  })
  .meta({ id: 'Template' });
export type Template = z.infer<typeof templateSchema>;

import { z } from 'zod';
import { digestSchema, templateNameSchema } from './job-spec.js';

/** A template as the API shows it. */
export const templateSchema = z
  .object({
    name: templateNameSchema,
    version: z.int().min(1).describe('Increases by one whenever its files change'),
    digest: digestSchema,
    handler_folder: z
      .string()
      .describe(
        'Where a handler is laid, from its template.yml; `function` unless that says otherwise, empty for the root',
      ),
    build_options: z
      .array(z.object({ name: z.string(), packages: z.array(z.string()) }).meta({ id: 'BuildOption' }))
      .describe('Named sets of packages, from template.yml'),
    origin: z
      .object({
        repository: z.string().describe('The URL of the repository, without credentials'),
        ref: z.string().optional().describe('The branch, tag or `sha-…` that was requested'),
        sha: z.string().optional().describe('The commit'),
      })
      .optional()
      .describe('The git repository that `faas-cli` pulled the template from, as its meta.json notes'),
    updated_at: z.iso.datetime().describe('The last change of its files'),
  })
  .meta({ id: 'Template' });
export type Template = z.infer<typeof templateSchema>;

import { readTemplate, type TemplateStore } from '@slipway/control-plane/templates';
import { batchIdSchema, templateNameSchema, templateSchema } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import type { SourceStore } from '@slipway/source';
import { z } from 'zod';
import { accountOf, requireScope } from '../http/auth.js';
import { type Endpoint, endpoint } from '../http/operation.js';
import { admissionErrors } from '../jobs/errors.js';
import { type RebuildDeps, rebuildTemplateUsers } from '../rebuilds/rebuild.js';
import { archiveErrors } from '../sources/errors.js';
import type { OwnershipDeps } from '../sources/ownership.js';
import { archiveTypes, receiveSource } from '../sources/receive.js';

interface TemplateEndpointsDeps extends RebuildDeps, OwnershipDeps {
  readonly sources: SourceStore;
  readonly templates: TemplateStore;
}

const path = z.object({ name: templateNameSchema });

const putQuery = z.strictObject({
  rebuild: z
    .enum(['true', 'false'])
    .default('false')
    .describe('Rebuilds every function whose last job had other files of this template'),
});

const storedTemplateSchema = templateSchema
  .extend({ batch: batchIdSchema.optional().describe('Id of the rebuild, if it was requested and needed') })
  .meta({ id: 'StoredTemplate' });

const listQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: templateNameSchema.optional().describe('`next_cursor` of the previous page'),
});

const templatePageSchema = z
  .object({
    templates: z.array(templateSchema),
    next_cursor: z.string().optional().describe('Absent on the last page'),
  })
  .meta({ id: 'TemplatePage' });

export function templateEndpoints(deps: TemplateEndpointsDeps): Endpoint[] {
  const { sources, templates } = deps;
  const missing = (name: string) => new SlipwayError('not_found', `There is no template ${name}.`);
  return [
    endpoint(
      {
        id: 'putTemplate',
        method: 'put',
        path: '/v1/templates/{name}',
        scope: 'templates:write',
        tag: 'Templates',
        summary: 'Send a template',
        description:
          'A tar or tar.gz of an OpenFaaS template folder: Dockerfile and template.yml at its root. Later jobs use this version.',
        params: path,
        query: putQuery,
        stream: { types: archiveTypes, description: 'A tar, or a tar.gz' },
        answers: {
          201: { description: 'Created', content: { 'application/json': storedTemplateSchema } },
          200: {
            description: 'Replaced',
            content: { 'application/json': storedTemplateSchema },
          },
        },
        errors: [
          'template_invalid',
          'template_limit',
          ...archiveErrors,
          // Errors of the rebuild.
          'batch_invalid',
          'batch_too_large',
          'batch_closed',
          'source_not_found',
          ...admissionErrors,
        ],
      },
      async ({ params: { name }, query: { rebuild }, ids, req, res }) => {
        const tenant = accountOf(res);
        if (rebuild === 'true') requireScope(res, 'jobs:write');
        const { digest } = await receiveSource(req, res, deps);
        const settings = await readTemplate({ sources, digest });
        const put = await templates.put({ tenant: tenant.name, name, digest, settings });
        const batch =
          rebuild === 'true' ? await rebuildTemplateUsers(put.template, tenant, deps, ids) : undefined;
        res
          .status(put.created ? 201 : 200)
          .location(`/v1/templates/${name}`)
          .json({ ...put.template, ...(batch !== undefined && { batch }) });
      },
    ),
    endpoint(
      {
        id: 'listTemplates',
        method: 'get',
        path: '/v1/templates',
        scope: 'jobs:read',
        tag: 'Templates',
        summary: 'Templates, by name',
        query: listQuery,
        answers: { 200: { description: 'A page', content: { 'application/json': templatePageSchema } } },
        errors: ['request_invalid'],
      },
      async ({ query: { limit, cursor }, res }) => {
        const page = await templates.list(accountOf(res).name, { limit, after: cursor });
        const next = page.length === limit ? page.at(-1)?.name : undefined;
        res.json({ templates: page, ...(next !== undefined && { next_cursor: next }) });
      },
    ),
    endpoint(
      {
        id: 'getTemplate',
        method: 'get',
        path: '/v1/templates/{name}',
        scope: 'jobs:read',
        tag: 'Templates',
        summary: 'A template',
        params: path,
        answers: {
          200: { description: 'The newest version', content: { 'application/json': templateSchema } },
        },
        errors: ['not_found'],
      },
      async ({ params: { name }, res }) => {
        const template = await templates.get(accountOf(res).name, name);
        if (!template) throw missing(name);
        res.json(template);
      },
    ),
    endpoint(
      {
        id: 'deleteTemplate',
        method: 'delete',
        path: '/v1/templates/{name}',
        scope: 'templates:write',
        tag: 'Templates',
        summary: 'Forget a template',
        description: 'Accepted jobs still use it.',
        params: path,
        answers: { 204: { description: 'Removed' } },
        errors: ['not_found'],
      },
      async ({ params: { name }, res }) => {
        if (!(await templates.remove(accountOf(res).name, name))) throw missing(name);
        res.status(204).end();
      },
    ),
  ];
}

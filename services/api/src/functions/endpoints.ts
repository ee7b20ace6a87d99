import { type FunctionRecord, type FunctionStore, toFunctionView } from '@slipway/control-plane/functions';
import {
  functionRequestSchema,
  functionSchema,
  functionSelectorSchema,
  functionViewSchema,
} from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import type { SourceUses } from '@slipway/source';
import type { Response } from 'express';
import { z } from 'zod';
import { accountOf } from '../http/auth.js';
import { labelQuerySchema } from '../http/label-query.js';
import { type Endpoint, endpoint } from '../http/operation.js';
import { notAllowedErrors, resolveErrors } from '../jobs/errors.js';
import { type ResolveDeps, resolveRequest } from '../jobs/resolve.js';
import { checkAllowed, usualPriority } from '../tenants/account.js';
import { type Criteria, matchOf } from './select.js';

interface FunctionEndpointsDeps extends ResolveDeps {
  readonly functions: FunctionStore;
  readonly uses: Pick<SourceUses, 'touch'>;
}

const dnsLabel = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, 'must be a DNS label');
const path = z.object({ namespace: dnsLabel, name: dnsLabel });

/** Limit of the last jobs in the history of a function. */
const maxHistory = 20;

const { namespace, name, template, base_image } = functionSelectorSchema.shape;
const listQuery = z.strictObject({
  namespace,
  name,
  template,
  base_image,
  label: labelQuerySchema.optional(),
  history: z.coerce
    .number()
    .int()
    .min(1)
    .max(maxHistory)
    .optional()
    .describe(
      'Includes the results of up to this many last jobs of each function; without it there is no `history`',
    ),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: functionSchema.optional().describe('`next_cursor` of the page before'),
});

const functionPageSchema = z
  .object({
    functions: z.array(functionViewSchema),
    next_cursor: z.string().optional().describe('Absent on the last page'),
  })
  .meta({ id: 'FunctionPage' });

export function functionEndpoints(deps: FunctionEndpointsDeps): Endpoint[] {
  const { functions, uses } = deps;
  const fullName = (params: z.output<typeof path>) => `${params.namespace}/${params.name}`;
  const missing = (full: string) => new SlipwayError('not_found', `There is no function ${full}.`);
  const tenantOf = (res: Response) => accountOf(res);
  return [
    endpoint(
      {
        id: 'listFunctions',
        method: 'get',
        path: '/v1/functions',
        scope: 'jobs:read',
        tag: 'Functions',
        summary: 'Functions, by name',
        query: listQuery,
        answers: { 200: { description: 'A page', content: { 'application/json': functionPageSchema } } },
        errors: ['request_invalid'],
      },
      async ({ query: { limit, cursor, label, history, ...criteria }, res }) => {
        const tenant = tenantOf(res).name;
        const { records, next } = await listFunctions({
          functions,
          tenant,
          criteria: { ...criteria, labels: label },
          limit,
          after: cursor,
        });
        const names = records.map((record) => record.name);
        const histories = history === undefined ? [] : await functions.histories(tenant, names, history);
        res.json({
          functions: records.map((record, at) => ({
            ...toFunctionView(record),
            ...(history !== undefined && { history: histories[at] }),
          })),
          ...(next !== undefined && { next_cursor: next }),
        });
      },
    ),
    endpoint(
      {
        id: 'getFunction',
        method: 'get',
        path: '/v1/functions/{namespace}/{name}',
        scope: 'jobs:read',
        tag: 'Functions',
        summary: 'A function, with the results of its last jobs',
        params: path,
        answers: {
          200: { description: 'The function', content: { 'application/json': functionViewSchema } },
        },
        errors: ['not_found'],
      },
      async ({ params, res }) => {
        const [tenant, full] = [tenantOf(res).name, fullName(params)];
        const [record, [history]] = await Promise.all([
          functions.get(tenant, full),
          functions.histories(tenant, [full], maxHistory),
        ]);
        if (!record) throw missing(full);
        res.json({ ...toFunctionView(record), history });
      },
    ),
    endpoint(
      {
        id: 'putFunction',
        method: 'put',
        path: '/v1/functions/{namespace}/{name}',
        scope: 'jobs:write',
        tag: 'Functions',
        summary: 'Define how a function is built, without building it',
        description:
          'A job that names the function defines it as well. Earlier results of the function stay.',
        params: path,
        body: functionRequestSchema,
        answers: {
          201: { description: 'Created', content: { 'application/json': functionViewSchema } },
          200: {
            description: 'Replaced',
            content: { 'application/json': functionViewSchema },
          },
        },
        errors: [...resolveErrors, 'not_found', 'stored_quota_exceeded', ...notAllowedErrors],
      },
      async ({ params, body, res }) => {
        const [tenant, full] = [tenantOf(res), fullName(params)];
        if (body.function !== undefined && body.function !== full) {
          const errors = [{ path: '/function', message: `must be ${full}, as in the path, or be left out` }];
          throw new SlipwayError('request_invalid', `body/function: ${errors[0]?.message}`, { errors });
        }
        checkAllowed({ ...body, priority: body.priority ?? usualPriority(tenant) }, tenant);
        const spec = await resolveRequest({ ...body, function: full }, tenant, deps);
        // A source that was unused for long may be removed soon.
        if (!(await uses.touch(spec.source.digest))) {
          throw new SlipwayError('source_not_found', `The source ${spec.source.digest} was removed.`);
        }
        const created = await functions.put(tenant.name, full, spec, tenant.maxStoredBytes);
        const record = await functions.get(tenant.name, full);
        if (!record) throw missing(full);
        res
          .status(created ? 201 : 200)
          .location(`/v1/functions/${full}`)
          .json(toFunctionView(record));
      },
    ),
    endpoint(
      {
        id: 'deleteFunction',
        method: 'delete',
        path: '/v1/functions/{namespace}/{name}',
        scope: 'jobs:write',
        tag: 'Functions',
        summary: 'Forget a function',
        description: 'Its jobs and images stay. A later job that names the function defines it again.',
        params: path,
        answers: { 204: { description: 'Forgotten' } },
        errors: ['not_found'],
      },
      async ({ params, res }) => {
        const full = fullName(params);
        if (!(await functions.remove(tenantOf(res).name, full))) throw missing(full);
        res.status(204).end();
      },
    ),
  ];
}

interface ListOptions {
  readonly functions: FunctionStore;
  readonly tenant: string;
  readonly criteria: Criteria;
  readonly limit: number;
  /** The name after which the page begins. */
  readonly after: string | undefined;
}

interface FunctionPage {
  readonly records: readonly FunctionRecord[];
  /** The name after which the next page begins; undefined on the last page. */
  readonly next: string | undefined;
}

/** Limit of records read for one page. The page then ends early with a cursor. */
const maxLookedAt = 5_000;

/** Returns a page of functions, by name. */
async function listFunctions(options: ListOptions): Promise<FunctionPage> {
  const { functions, tenant, criteria, limit, after } = options;
  const found: FunctionRecord[] = [];
  let lookedAt = 0;
  for await (const { records, upTo } of functions.walk(tenant, { namespace: criteria.namespace, after })) {
    for (const record of records) {
      if (!matchOf(record, criteria)) continue;
      if (found.length === limit) return { records: found, next: found.at(-1)?.name };
      found.push(record);
    }
    lookedAt += records.length;
    if (lookedAt >= maxLookedAt) return { records: found, next: upTo };
  }
  return { records: found, next: undefined };
}

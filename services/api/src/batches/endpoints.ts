import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type BatchRecord, toBatch, toJob } from '@slipway/control-plane/jobs';
import { ofTenant } from '@slipway/control-plane/records';
import type { SharedMaps } from '@slipway/control-plane/stored';
import {
  batchFailuresSchema,
  batchIdSchema,
  batchJobEventSchema,
  batchPlanSchema,
  batchRequestSchema,
  batchSchema,
  failureCauseSchema,
  jobIdSchema,
  jobStateSchema,
  mapFields,
} from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import type { Response } from 'express';
import { z } from 'zod';
import { accountOf, tokenEnd } from '../http/auth.js';
import { closedSignal } from '../http/connection.js';
import { type Endpoint, endpoint } from '../http/operation.js';
import { jobPageSchema, maxWaitSeconds } from '../jobs/endpoints.js';
import { admissionErrors } from '../jobs/errors.js';
import { callbackErrors } from '../jobs/resolve/callback.js';
import type { SubmitDeps } from '../jobs/submit.js';
import { storageErrors } from '../sources/errors.js';
import { checkRoom } from '../tenants/account.js';
import { positionSchema, resumePosition } from '../watch/position.js';
import { failuresOf } from './failures/failures.js';
import { batchEvents, type FollowBatchDeps } from './follow.js';
import { gitSourcesOf, parseItems } from './items.js';
import { placeItems } from './place-items.js';
import { resolveItems } from './resolve-items.js';
import { retryBatch } from './retry.js';
import { earlierBatch, submitBatch } from './submit.js';

export interface BatchEndpointsDeps extends SubmitDeps, Omit<FollowBatchDeps, 'store'> {
  /** Cancels the remaining jobs of a stopped batch, after the answer. */
  readonly cancelStopped: (id: string) => void;
}

const maxBodyBytes = 32 * 1024 * 1024;
const path = z.object({ id: batchIdSchema });
const accepted = (description: string) => ({
  description,
  content: { 'application/json': batchSchema },
  headers: { Location: 'URL to poll' },
});
const limit = z.coerce.number().int().min(1).max(200).default(50);
const batchPageSchema = z
  .object({
    batches: z.array(batchSchema),
    next_cursor: z.string().optional().describe('Absent on the last page'),
  })
  .meta({ id: 'BatchPage' });

/** Returns the maps that items inherit from the defaults. They were checked with the defaults. */
function basesOf(defaults: Readonly<Record<string, unknown>>): SharedMaps {
  return Object.fromEntries(mapFields.map((name) => [name, defaults[name]])) as SharedMaps;
}

export function batchEndpoints(deps: BatchEndpointsDeps): Endpoint[] {
  const { batches, store, watcher, stopping } = deps;
  const existing = async (id: string, res: Response): Promise<BatchRecord> => {
    const record = await ofTenant(accountOf(res).name, batches.get(id));
    if (!record) throw new SlipwayError('not_found', `There is no batch ${id}.`);
    return record;
  };
  const show = (record: BatchRecord) => toBatch(record, deps.now());
  const accept = (record: BatchRecord, res: Response) =>
    res.location(`/v1/batches/${record.id}`).status(202).json(show(record));
  return [
    endpoint(
      {
        id: 'submitBatch',
        method: 'post',
        path: '/v1/batches',
        scope: 'jobs:write',
        tag: 'Batches',
        summary: 'Submit jobs together',
        description: 'Accepts all items or none. After a 202, each job reaches exactly one terminal state.',
        body: batchRequestSchema,
        maxBodyBytes,
        gitSources: gitSourcesOf,
        answers: {
          202: accepted('Accepted'),
          200: {
            description: 'The plan of a `dry_run`',
            content: { 'application/json': batchPlanSchema },
          },
        },
        errors: [
          'batch_invalid',
          'batch_too_large',
          'batch_closed',
          // Errors of lookups for the items.
          'source_not_found',
          'source_busy',
          'git_busy',
          'storage_full',
          ...storageErrors,
          ...callbackErrors,
          ...admissionErrors,
        ],
      },
      async ({ body: { defaults, items, dry_run, ...options }, git, ids, res }) => {
        const tenant = accountOf(res);
        const earlier = await earlierBatch(ids, deps);
        if (earlier) {
          accept(earlier, res);
          return;
        }
        const specs = await resolveItems(await parseItems({ defaults, items }), tenant, {
          ...deps,
          git,
        });
        if (!dry_run) {
          const bases = basesOf(defaults);
          accept(await submitBatch({ specs, basesOf: () => bases, options, tenant, ids }, deps), res);
          return;
        }
        await deps.pools.decide((known) => placeItems(specs, tenant, known));
        await checkRoom(specs.length, tenant, deps);
        res.json({
          total: specs.length,
          items: specs.map(({ image, function: name, source, template }) => ({
            image,
            ...(name !== undefined && { function: name }),
            source: source.digest,
            ...(template && { template: template.digest }),
          })),
        });
      },
    ),
    endpoint(
      {
        id: 'listBatches',
        method: 'get',
        path: '/v1/batches',
        scope: 'jobs:read',
        tag: 'Batches',
        summary: 'Batches, newest first',
        query: z.strictObject({
          limit,
          cursor: batchIdSchema.optional().describe('`next_cursor` of the previous page'),
        }),
        answers: { 200: { description: 'A page', content: { 'application/json': batchPageSchema } } },
        errors: ['request_invalid'],
      },
      async ({ query, res }) => {
        const { name: tenant } = accountOf(res);
        const { records, next } = await batches.list({ tenant, limit: query.limit, before: query.cursor });
        res.json({ batches: records.map(show), ...(next !== undefined && { next_cursor: next }) });
      },
    ),
    endpoint(
      {
        id: 'getBatch',
        method: 'get',
        path: '/v1/batches/{id}',
        scope: 'jobs:read',
        tag: 'Batches',
        summary: 'A batch, immediately or once it has ended',
        params: path,
        query: z.strictObject({
          wait: z.coerce
            .number()
            .min(0)
            .max(maxWaitSeconds)
            .default(0)
            .describe('Seconds to wait for the end of the batch; then the current state is returned'),
        }),
        answers: { 200: { description: 'The batch', content: { 'application/json': batchSchema } } },
        errors: ['not_found'],
      },
      async ({ params: { id }, query, res }) => {
        const ended = AbortSignal.any([closedSignal(res), stopping]);
        const until = performance.now() + query.wait * 1_000;
        const watch = query.wait > 0 ? watcher.watch(id) : undefined;
        try {
          for (;;) {
            const left = until - performance.now();
            const record = await existing(id, res);
            if (!watch || left <= 0 || record.finishedAt !== undefined || ended.aborted) {
              res.json(show(record));
              return;
            }
            await watch.end(left, ended);
          }
        } finally {
          watch?.close();
        }
      },
    ),
    endpoint(
      {
        id: 'listBatchJobs',
        method: 'get',
        path: '/v1/batches/{id}/jobs',
        scope: 'jobs:read',
        tag: 'Batches',
        summary: 'The jobs of a batch, newest first',
        params: path,
        query: z.strictObject({
          state: jobStateSchema.optional(),
          limit,
          cursor: jobIdSchema.optional().describe('`next_cursor` of the previous page'),
        }),
        answers: { 200: { description: 'A page', content: { 'application/json': jobPageSchema } } },
        errors: ['not_found', 'request_invalid'],
      },
      async ({ params: { id }, query: { cursor, ...filter }, res }) => {
        const { tenant } = await existing(id, res);
        const { records, next } = await store.list({ ...filter, tenant, batch: id, before: cursor });
        res.json({ jobs: records.map(toJob), ...(next !== undefined && { next_cursor: next }) });
      },
    ),
    endpoint(
      {
        id: 'listBatchFailures',
        method: 'get',
        path: '/v1/batches/{id}/failures',
        scope: 'jobs:read',
        tag: 'Batches',
        summary: 'The failures of a batch by cause',
        description:
          'Jobs have the same cause if they ended with one code and their last lines differ only by numbers, digests and names of the job.',
        params: path,
        answers: {
          200: { description: 'The failures', content: { 'application/json': batchFailuresSchema } },
        },
        errors: ['not_found'],
      },
      async ({ params: { id }, res }) => {
        const groups = await failuresOf(await existing(id, res), store);
        res.json({ failed: groups.reduce((sum, { count }) => sum + count, 0), groups });
      },
    ),
    endpoint(
      {
        id: 'cancelBatch',
        method: 'post',
        path: '/v1/batches/{id}/cancel',
        scope: 'jobs:write',
        tag: 'Batches',
        summary: 'Cancel a batch',
        description:
          'Starts no further job of the batch. Cancels its waiting jobs, and stops its running jobs at their builders.',
        params: path,
        answers: { 202: accepted('Cancel requested') },
        errors: ['not_found', 'batch_not_cancelable'],
      },
      async ({ params: { id }, res }) => {
        await existing(id, res);
        if ((await batches.stop(id)) !== 'ok') {
          throw new SlipwayError('batch_not_cancelable', `The batch ${id} has ended.`);
        }
        accept(await existing(id, res), res);
        deps.cancelStopped(id);
      },
    ),
    endpoint(
      {
        id: 'retryBatch',
        method: 'post',
        path: '/v1/batches/{id}/retry',
        scope: 'jobs:write',
        tag: 'Batches',
        summary: 'Repeat a batch that has ended, as a new one',
        params: path,
        body: z
          .strictObject({
            which: z
              .enum(['failed', 'all'])
              .default('failed')
              .describe('`failed`: only jobs that failed or were canceled'),
            cause: failureCauseSchema
              .optional()
              .describe('Only jobs that failed with this cause of `GET /v1/batches/{id}/failures`'),
          })
          .meta({ id: 'BatchRetry' }),
        answers: { 202: accepted('The new batch') },
        errors: [
          'not_found',
          'batch_not_retryable',
          'batch_invalid',
          'batch_too_large',
          'batch_closed',
          'source_not_found',
          ...callbackErrors,
          ...admissionErrors,
        ],
      },
      async ({ params: { id }, body: { which, cause }, ids, res }) => {
        const batch = await existing(id, res);
        accept(await retryBatch({ batch, which, cause, tenant: accountOf(res), ids }, deps), res);
      },
    ),
    endpoint(
      {
        id: 'followBatch',
        method: 'get',
        path: '/v1/batches/{id}/events',
        scope: 'jobs:read',
        tag: 'Batches',
        summary: 'The events of a batch, as server-sent events',
        description:
          'Starts at the beginning or after `Last-Event-ID`, and ends with the batch. `job`: a job of the batch changed. `batch`: the counts, first at the beginning, then at most once a second. `batch.finished`: the ended batch.',
        params: path,
        query: z.strictObject({ after: positionSchema.optional() }),
        headers: { 'Last-Event-ID': 'Position to resume after; the same as `after`' },
        answers: {
          200: {
            description: 'The events',
            content: {
              // Schemas of `job`, and of the other events.
              'text/event-stream': z.union([batchJobEventSchema, batchSchema]),
            },
          },
        },
        errors: ['not_found', 'request_invalid'],
      },
      async ({ params: { id }, query, req, res }) => {
        const after = resumePosition(req, query.after);
        await existing(id, res);
        res.type('text/event-stream').set({
          'Cache-Control': 'no-store',
          'X-Accel-Buffering': 'no',
          'X-Content-Type-Options': 'nosniff',
        });
        res.flushHeaders();
        const signal = AbortSignal.any([closedSignal(res), stopping, tokenEnd(res)]);
        try {
          await pipeline(Readable.from(batchEvents({ ...deps, id, after, signal })), res);
        } catch (error) {
          // The client may disconnect at any time.
          if (!signal.aborted) throw error;
        }
      },
    ),
  ];
}

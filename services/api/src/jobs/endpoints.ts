import { type JobRecord, toJob } from '@slipway/control-plane/jobs';
import { ofTenant } from '@slipway/control-plane/records';
import {
  batchIdSchema,
  isTerminal,
  jobIdSchema,
  jobRequestSchema,
  jobSchema,
  jobStateSchema,
  parseImageReference,
} from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import type { Response } from 'express';
import { z } from 'zod';
import { accountOf } from '../http/auth.js';
import { closedSignal } from '../http/connection.js';
import { labelQuerySchema } from '../http/label-query.js';
import { type Endpoint, endpoint } from '../http/operation.js';
import { sendJson } from '../http/send-json.js';
import type { JobWatcher } from '../watch/job-watcher.js';
import { admissionErrors, placingErrors, resolveErrors } from './errors.js';
import { type JobFormDeps, jobForm } from './form.js';
import { specForRetry } from './retry.js';
import { resubmit, type SubmitDeps, submitJob } from './submit.js';

interface JobEndpointsDeps extends SubmitDeps, JobFormDeps {
  readonly watcher: JobWatcher;
  /** Aborted when the process drains: waiting answers end then. */
  readonly stopping: AbortSignal;
}

const path = z.object({ id: jobIdSchema });
export const maxWaitSeconds = 60;

const listQuery = z.strictObject({
  state: jobStateSchema.optional(),
  function: jobRequestSchema.shape.function,
  image: z
    .string()
    .refine((text) => parseImageReference(text) !== undefined, 'is not an image reference')
    .optional()
    .describe('All jobs for the repository of this reference'),
  batch: batchIdSchema.optional().describe('All jobs of this batch'),
  label: labelQuerySchema.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: jobIdSchema.optional().describe('`next_cursor` of the previous page'),
});

export const jobPageSchema = z
  .object({
    jobs: z.array(jobSchema),
    next_cursor: z.string().optional().describe('Absent on the last page'),
  })
  .meta({ id: 'JobPage' });

export function jobEndpoints(deps: JobEndpointsDeps): Endpoint[] {
  const { store, watcher, stopping } = deps;
  const existing = async (id: string, res: Response): Promise<JobRecord> => {
    const record = await ofTenant(accountOf(res).name, store.get(id));
    if (!record) throw new SlipwayError('not_found', `There is no job ${id}.`);
    return record;
  };
  return [
    endpoint(
      {
        id: 'submitJob',
        method: 'post',
        path: '/v1/jobs',
        scope: 'jobs:write',
        tag: 'Jobs',
        summary: 'Submit a job',
        description: 'After a 202, the job reaches exactly one terminal state, even if processes die.',
        body: jobRequestSchema,
        gitSources: ({ source }) => ('git' in source ? [source.git] : []),
        form: jobForm(deps),
        answers: {
          202: {
            description: 'Accepted',
            content: { 'application/json': jobSchema },
            headers: { Location: 'URL to poll' },
          },
        },
        errors: [...resolveErrors, ...placingErrors, ...admissionErrors],
      },
      async ({ body, git, ids, res }) => {
        const record = await submitJob(body, accountOf(res), { ...deps, git }, ids);
        res.location(`/v1/jobs/${record.id}`).status(202).json(toJob(record));
      },
    ),
    endpoint(
      {
        id: 'getJob',
        method: 'get',
        path: '/v1/jobs/{id}',
        scope: 'jobs:read',
        tag: 'Jobs',
        summary: 'A job, immediately or once it has ended',
        params: path,
        query: z.strictObject({
          wait: z.coerce
            .number()
            .min(0)
            .max(maxWaitSeconds)
            .default(0)
            .describe('Seconds to wait for the end of the job; then the current state is returned'),
        }),
        headers: { 'If-None-Match': 'The ETag of an earlier answer: 304 if nothing changed' },
        answers: {
          200: {
            description: 'The job',
            content: { 'application/json': jobSchema },
            headers: { ETag: 'Only jobs in this state' },
          },
        },
        errors: ['not_found'],
      },
      async ({ params: { id }, query, res }) => {
        if (query.wait === 0) {
          sendJson(res, toJob(await existing(id, res)));
          return;
        }
        const ended = AbortSignal.any([closedSignal(res), stopping]);
        const until = performance.now() + query.wait * 1_000;
        const watch = watcher.watch(id);
        try {
          for (;;) {
            const left = until - performance.now();
            const record = await existing(id, res);
            if (left <= 0 || isTerminal(record.state) || ended.aborted) {
              sendJson(res, toJob(record));
              return;
            }
            await watch.end(left, ended);
          }
        } finally {
          watch.close();
        }
      },
    ),
    endpoint(
      {
        id: 'listJobs',
        method: 'get',
        path: '/v1/jobs',
        scope: 'jobs:read',
        tag: 'Jobs',
        summary: 'Jobs, newest first',
        query: listQuery,
        answers: { 200: { description: 'A page', content: { 'application/json': jobPageSchema } } },
        errors: ['request_invalid'],
      },
      async ({ query: { cursor, label, ...filter }, res }) => {
        const { records, next } = await store.list({
          ...filter,
          tenant: accountOf(res).name,
          labels: label,
          before: cursor,
        });
        res.json({ jobs: records.map(toJob), ...(next !== undefined && { next_cursor: next }) });
      },
    ),
    endpoint(
      {
        id: 'cancelJob',
        method: 'post',
        path: '/v1/jobs/{id}/cancel',
        scope: 'jobs:write',
        tag: 'Jobs',
        summary: 'Cancel a job',
        description:
          'A queued job ends at once. A running job is stopped at its builder. It can still succeed or fail if its build ends first, ' +
          'and its image is pushed then. Wait for the end of the job and read `state`; `cancel_requested_at` has the time of the request.',
        params: path,
        answers: {
          200: { description: 'The job has ended', content: { 'application/json': jobSchema } },
          202: {
            description: 'The job is running. The request is recorded and the worker stops the build',
            content: { 'application/json': jobSchema },
          },
        },
        errors: ['not_found', 'job_not_cancelable'],
      },
      async ({ params: { id }, res }) => {
        await existing(id, res);
        const outcome = await store.cancel(id);
        const record = await existing(id, res);
        if (outcome === 'terminal' && record.state !== 'canceled') {
          throw new SlipwayError('job_not_cancelable', `The job has ended: ${record.state}.`);
        }
        res.status(outcome === 'requested' ? 202 : 200).json(toJob(record));
      },
    ),
    endpoint(
      {
        id: 'removeJob',
        method: 'delete',
        path: '/v1/jobs/{id}',
        scope: 'admin',
        tag: 'Jobs',
        summary: 'Remove the record of a job that cannot be read',
        description:
          'For an operator, for jobs of any tenant. A job that has not ended is canceled. A record that can be parsed is rejected: it expires with its age.',
        params: path,
        answers: { 204: { description: 'The record is removed' } },
        errors: ['not_found', 'record_readable'],
      },
      async ({ params: { id }, res }) => {
        const outcome = await store.discard(id);
        if (outcome === 'missing') throw new SlipwayError('not_found', `There is no job ${id}.`);
        if (outcome === 'readable')
          throw new SlipwayError('record_readable', `The record of ${id} can be read.`);
        res.status(204).end();
      },
    ),
    endpoint(
      {
        id: 'retryJob',
        method: 'post',
        path: '/v1/jobs/{id}/retry',
        scope: 'jobs:write',
        tag: 'Jobs',
        summary: 'Repeat a job that has ended, as a new one',
        params: path,
        answers: {
          202: {
            description: 'The new job',
            content: { 'application/json': jobSchema },
            headers: { Location: 'URL to poll' },
          },
        },
        errors: ['not_found', 'job_not_retryable', 'source_not_found', ...placingErrors, ...admissionErrors],
      },
      async ({ params: { id }, ids, res }) => {
        const ended = await existing(id, res);
        if (!isTerminal(ended.state)) {
          throw new SlipwayError('job_not_retryable', `The job has not ended: it is ${ended.state}.`);
        }
        const record = await resubmit(specForRetry(ended, deps.sealingKey), accountOf(res), deps, {
          ids,
          bases: ended.bases,
        });
        res.location(`/v1/jobs/${record.id}`).status(202).json(toJob(record));
      },
    ),
  ];
}

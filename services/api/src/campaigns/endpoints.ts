import type { CampaignRecord } from '@slipway/control-plane/campaigns';
import { ofTenant } from '@slipway/control-plane/records';
import { campaignFunctionSchema, campaignIdSchema, campaignSchema } from '@slipway/shared/contracts';
import { type ErrorCode, SlipwayError } from '@slipway/shared/errors';
import type { Response } from 'express';
import { z } from 'zod';
import { accountOf } from '../http/auth.js';
import { type Endpoint, endpoint } from '../http/operation.js';
import { admissionErrors } from '../jobs/errors.js';
import { callbackErrors } from '../jobs/resolve/callback.js';
import { listCampaignFunctions } from './functions.js';
import { retryCampaign } from './retry.js';
import { campaignErrors, type SubmitCampaignDeps } from './submit.js';
import { viewOf } from './view.js';

interface CampaignEndpointsDeps extends SubmitCampaignDeps {
  /** Cancels the remaining jobs of a stopped batch, after the answer. */
  readonly cancelStopped: (id: string) => void;
}

const path = z.object({ id: campaignIdSchema });
const accepted = (description: string) => ({
  description,
  content: { 'application/json': campaignSchema },
  headers: { Location: 'URL to poll' },
});
const campaignPageSchema = z
  .object({
    campaigns: z.array(campaignSchema),
    next_cursor: z.string().optional().describe('Absent on the last page'),
  })
  .meta({ id: 'CampaignPage' });
const functionPageSchema = z
  .object({
    functions: z.array(campaignFunctionSchema),
    next_cursor: z.string().optional().describe('Absent on the last page'),
  })
  .meta({ id: 'CampaignFunctionPage' });

export function campaignEndpoints(deps: CampaignEndpointsDeps): Endpoint[] {
  const { campaigns } = deps;
  const existing = async (id: string, res: Response): Promise<CampaignRecord> => {
    const record = await ofTenant(accountOf(res).name, campaigns.get(id));
    if (!record) throw new SlipwayError('not_found', `There is no campaign ${id}.`);
    return record;
  };
  const accept = async (record: CampaignRecord, res: Response) =>
    res
      .location(`/v1/campaigns/${record.id}`)
      .status(202)
      .json(await viewOf(record, deps));
  /** Returns the endpoint of a change. `apply` returns `ok`, or why the campaign does not allow it. */
  const change = (options: {
    readonly name: 'pause' | 'resume' | 'cancel';
    readonly summary: string;
    readonly description: string;
    readonly refusal: ErrorCode;
    readonly done: string;
    readonly after?: (record: CampaignRecord) => void;
  }) =>
    endpoint(
      {
        id: `${options.name}Campaign`,
        method: 'post',
        path: `/v1/campaigns/{id}/${options.name}`,
        scope: 'jobs:write',
        tag: 'Campaigns',
        summary: options.summary,
        description: options.description,
        params: path,
        answers: { 202: accepted(options.done) },
        errors: ['not_found', options.refusal],
      },
      async ({ params: { id }, res }) => {
        const { finishedAt, canceledAt } = await existing(id, res);
        if ((await campaigns[options.name](id)) !== 'ok') {
          const state =
            finishedAt !== undefined
              ? 'has ended'
              : canceledAt !== undefined
                ? 'was canceled'
                : 'is not paused';
          throw new SlipwayError(options.refusal, `The campaign ${id} ${state}.`);
        }
        const record = await existing(id, res);
        await accept(record, res);
        options.after?.(record);
      },
    );
  return [
    endpoint(
      {
        id: 'listCampaigns',
        method: 'get',
        path: '/v1/campaigns',
        scope: 'jobs:read',
        tag: 'Campaigns',
        summary: 'Campaigns, newest first',
        query: z.strictObject({
          limit: z.coerce.number().int().min(1).max(50).default(20),
          cursor: campaignIdSchema.optional().describe('`next_cursor` of the previous page'),
        }),
        answers: { 200: { description: 'A page', content: { 'application/json': campaignPageSchema } } },
        errors: ['request_invalid'],
      },
      async ({ query: { limit, cursor: before }, res }) => {
        const { records, next } = await campaigns.list({ tenant: accountOf(res).name, limit, before });
        const views = await Promise.all(records.map((record) => viewOf(record, deps)));
        res.json({ campaigns: views, ...(next !== undefined && { next_cursor: next }) });
      },
    ),
    endpoint(
      {
        id: 'getCampaign',
        method: 'get',
        path: '/v1/campaigns/{id}',
        scope: 'jobs:read',
        tag: 'Campaigns',
        summary: 'A campaign, with its waves and comparison',
        params: path,
        answers: { 200: { description: 'The campaign', content: { 'application/json': campaignSchema } } },
        errors: ['not_found'],
      },
      async ({ params: { id }, res }) => {
        res.json(await viewOf(await existing(id, res), deps));
      },
    ),
    endpoint(
      {
        id: 'listCampaignFunctions',
        method: 'get',
        path: '/v1/campaigns/{id}/functions',
        scope: 'jobs:read',
        tag: 'Campaigns',
        summary: 'The functions of a campaign, in its order',
        description: '`state=changed` lists the functions whose new image differs.',
        params: path,
        query: z.strictObject({
          state: campaignFunctionSchema.shape.state.optional(),
          limit: z.coerce.number().int().min(1).max(200).default(50),
          cursor: z
            .string()
            .regex(/^\d{1,4}$/, 'must be the `next_cursor` of a page')
            .default('0')
            .describe('`next_cursor` of the previous page'),
        }),
        answers: { 200: { description: 'A page', content: { 'application/json': functionPageSchema } } },
        errors: ['not_found', 'request_invalid'],
      },
      async ({ params: { id }, query: { state, limit, cursor }, res }) => {
        const record = await existing(id, res);
        const filter = { state, limit, from: Number(cursor) };
        const { functions, next } = await listCampaignFunctions(record, filter, deps);
        res.json({ functions, ...(next !== undefined && { next_cursor: String(next) }) });
      },
    ),
    change({
      name: 'pause',
      summary: 'Pause a campaign',
      description: 'No waiting job begins, and no further wave. Running jobs go on.',
      refusal: 'campaign_not_pausable',
      done: 'Paused',
    }),
    change({
      name: 'resume',
      summary: 'Resume a paused campaign',
      description:
        'Also resumes a campaign that too many failures have paused. Its current wave may then have as many new failures.',
      refusal: 'campaign_not_resumable',
      done: 'Resumed',
    }),
    change({
      name: 'cancel',
      summary: 'Cancel a campaign',
      description: 'Cancels the waiting jobs of all waves, and stops the running jobs at their builders.',
      refusal: 'campaign_not_cancelable',
      done: 'Cancel requested',
      after: ({ batches }) => {
        for (const batch of batches) deps.cancelStopped(batch);
      },
    }),
    endpoint(
      {
        id: 'retryCampaign',
        method: 'post',
        path: '/v1/campaigns/{id}/retry',
        scope: 'jobs:write',
        tag: 'Campaigns',
        summary: 'Build the failed functions of an ended campaign again, as a new campaign',
        description:
          'Takes the functions that failed or were canceled, with the waves and limits of the campaign. A function that a newer job has built is left out.',
        params: path,
        answers: { 202: accepted('The new campaign') },
        errors: [
          'not_found',
          'campaign_not_retryable',
          ...campaignErrors,
          'batch_invalid',
          'batch_too_large',
          'batch_closed',
          'source_not_found',
          ...callbackErrors,
          ...admissionErrors,
        ],
      },
      async ({ params: { id }, ids, res }) => {
        const record = await existing(id, res);
        await accept(await retryCampaign({ record, tenant: accountOf(res), ids }, deps), res);
      },
    ),
  ];
}

import { rebuildPlanSchema, rebuildRequestSchema } from '@slipway/shared/contracts';
import { campaignErrors } from '../campaigns/submit.js';
import { accountOf } from '../http/auth.js';
import { type Endpoint, endpoint } from '../http/operation.js';
import { admissionErrors } from '../jobs/errors.js';
import { callbackErrors } from '../jobs/resolve/callback.js';
import { type RebuildDeps, rebuild } from './rebuild.js';

/** Limit of the body: a selector may list thousands of names. */
const maxBodyBytes = 4 * 1024 * 1024;

export function rebuildEndpoint(deps: RebuildDeps): Endpoint {
  return endpoint(
    {
      id: 'submitRebuild',
      method: 'post',
      path: '/v1/rebuilds',
      scope: 'jobs:write',
      tag: 'Functions',
      summary: 'Build functions again, as one batch or in waves',
      description:
        'Selects functions, and repeats the last spec of each, with the changes of the request. Accepts all planned jobs or none. With `waves` the rebuild is a campaign.',
      body: rebuildRequestSchema,
      maxBodyBytes,
      answers: {
        200: {
          description: 'The plan of a dry run',
          content: { 'application/json': rebuildPlanSchema },
        },
        202: {
          description: 'Accepted',
          content: { 'application/json': rebuildPlanSchema },
          headers: { Location: 'URL of the batch or campaign to poll' },
        },
      },
      errors: [
        'image_invalid',
        'nothing_selected',
        ...campaignErrors,
        'batch_invalid',
        'batch_too_large',
        'batch_closed',
        'source_not_found',
        ...callbackErrors,
        ...admissionErrors,
      ],
    },
    async ({ body, ids, res }) => {
      const plan = await rebuild(body, accountOf(res), deps, ids);
      if (plan.batch) res.status(202).location(`/v1/batches/${plan.batch.id}`);
      if (plan.campaign) res.status(202).location(`/v1/campaigns/${plan.campaign.id}`);
      res.json(plan);
    },
  );
}

import type { CampaignRecord, PlannedFunction } from '@slipway/control-plane/campaigns';
import { onlyReadable } from '@slipway/control-plane/records';
import type { BatchOptions } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { type SealingKey, unseal } from '@slipway/shared/signing';
import type { Ids } from '../idempotency/ids.js';
import { specForRetry } from '../jobs/retry.js';
import type { Account } from '../tenants/account.js';
import { earlierCampaign, type SubmitCampaignDeps, submitCampaign } from './submit.js';

interface RetryOptions {
  readonly record: CampaignRecord;
  readonly tenant: Account;
  readonly ids: Ids;
}

/** Functions and jobs read at once. */
const run = 200;

/**
 * Submits the functions of an ended campaign that failed or were canceled as a new campaign, with the same options. A superseded job is not
 * repeated: a newer job has built its function. Throws `campaign_not_retryable` when there are none, and the errors of `submitCampaign`.
 */
export async function retryCampaign(
  { record, tenant, ids }: RetryOptions,
  deps: SubmitCampaignDeps,
): Promise<CampaignRecord> {
  const earlier = await earlierCampaign(ids, deps);
  if (earlier) return earlier;
  if (record.finishedAt === undefined) {
    throw new SlipwayError('campaign_not_retryable', `The campaign ${record.id} has not ended.`);
  }
  const planned = await jobsToRepeat(record, deps);
  if (planned.length === 0) {
    throw new SlipwayError('campaign_not_retryable', `No function of ${record.id} needs to be built again.`);
  }
  const { labels, max_running, only_changed, finish_by, waves } = record.options;
  const isAhead = finish_by !== undefined && Date.parse(finish_by) > deps.now();
  return await submitCampaign(
    {
      ...{ planned, waves, tenant, ids, max_running, labels: { ...labels } },
      callback: callbackOf(record, deps.sealingKey),
      maxFailures: record.maxFailures,
      onlyChanged: only_changed,
      finish_by: isAhead ? finish_by : undefined,
      retryOf: record.id,
    },
    deps,
  );
}

async function jobsToRepeat({ id, sizes, bases }: CampaignRecord, deps: SubmitCampaignDeps) {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const found = [];
  for (let at = 0; at < total; at += run) {
    const rows = await deps.campaigns.functions(id, at, Math.min(run, total - at));
    const failed = rows.filter(
      ({ result }) =>
        (result?.state === 'failed' || result?.state === 'canceled') && result.code !== 'superseded',
    );
    found.push(...(await Promise.all(failed.map(({ planned }) => toRepeat(planned, bases, deps)))));
  }
  return found.flat();
}

/** Returns nothing for a job whose record was removed. */
async function toRepeat(
  { job, function: name, reasons, built, before }: PlannedFunction,
  baseImages: readonly string[],
  { store, sealingKey }: SubmitCampaignDeps,
) {
  const [record] = await onlyReadable([store.get(job)]);
  if (!record) return [];
  const { callback: _callback, ...spec } = specForRetry(record, sealingKey);
  return [
    {
      ...{ spec, bases: record.bases, shown: { function: name, reasons }, baseImages },
      before: built ? { digest: before } : undefined,
    },
  ];
}

function callbackOf({ id, options }: CampaignRecord, sealingKey: SealingKey): BatchOptions['callback'] {
  const { callback, sealed_callback_secret: sealed } = options;
  if (!callback) return undefined;
  return { url: callback.url, ...(sealed !== undefined && { secret: unseal(sealingKey, sealed, id) }) };
}

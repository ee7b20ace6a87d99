import { type CampaignRecord, type CampaignStore, planWaves } from '@slipway/control-plane/campaigns';
import type { SharedMaps } from '@slipway/control-plane/stored';
import type { BatchOptions, JobSpec, Waves } from '@slipway/shared/contracts';
import type { ErrorCode } from '@slipway/shared/errors';
import { seal } from '@slipway/shared/signing';
import { planDrafts, type SubmitBatchDeps } from '../batches/submit.js';
import type { Ids } from '../idempotency/ids.js';
import type { Account } from '../tenants/account.js';
import type { ViewDeps } from './view.js';

/** Errors of the acceptance of a campaign besides those of a batch. */
export const campaignErrors = ['campaign_running', 'campaign_limit'] as const satisfies readonly ErrorCode[];

export interface SubmitCampaignDeps extends SubmitBatchDeps, Pick<ViewDeps, 'now'> {
  readonly campaigns: CampaignStore;
}

/** A function to build, with its last success and the reasons. */
interface CampaignJob {
  readonly spec: JobSpec;
  /** Map entries of the spec that other records share. */
  readonly bases?: SharedMaps | undefined;
  readonly shown: { readonly function: string; readonly reasons: readonly string[] };
  readonly before: { readonly digest: string | undefined } | undefined;
  readonly baseImages: readonly string[];
}

interface CampaignSubmission extends Pick<BatchOptions, 'labels' | 'max_running' | 'callback'> {
  readonly planned: readonly CampaignJob[];
  readonly waves: Waves;
  readonly maxFailures: number;
  readonly onlyChanged: boolean;
  readonly finish_by: string | undefined;
  readonly tenant: Account;
  /** The campaign that this one repeats. */
  readonly retryOf?: string;
  readonly ids: Ids;
}

/**
 * Returns the campaign that an earlier try of the request made, if that try accepted it. A campaign that was not accepted never will be, and `ids`
 * are renewed.
 */
export async function earlierCampaign(
  ids: Ids,
  { campaigns }: Pick<SubmitCampaignDeps, 'campaigns'>,
): Promise<CampaignRecord | undefined> {
  if (!ids.used) return undefined;
  const id = ids.next('campaign');
  if (!(await campaigns.giveUp(id))) return await campaigns.get(id);
  await ids.renew();
  return undefined;
}

/**
 * Accepts all functions of a campaign or none: writes the batch of each wave as a draft, then accepts all of them in one step. Later waves stay
 * drafts until the leading worker begins them. Throws `campaign_running`, `campaign_limit`, `request_invalid` for too many waves, and the errors of
 * `submitBatch`.
 */
export async function submitCampaign(
  submission: CampaignSubmission,
  deps: SubmitCampaignDeps,
): Promise<CampaignRecord> {
  const { planned, waves, tenant, ids, labels, max_running, callback, finish_by, onlyChanged } = submission;
  const { campaigns, batches, sealingKey } = deps;
  const sizes = planWaves(planned.length, waves);
  const bases = [...new Set(planned.flatMap(({ baseImages }) => baseImages))].toSorted();
  await campaigns.checkRoom(tenant.name, bases);
  const drafts = await planDrafts(
    {
      specs: planned.map((each) => specOf(each, submission)),
      basesOf: (at) => planned[at]?.bases,
      options: { on_failure: 'continue', max_running, callback, labels },
      tenant,
    },
    sizes,
    deps,
  );
  const id = ids.next('campaign');
  const made: string[] = [];
  try {
    const jobs: string[] = [];
    for (const at of sizes.keys()) {
      const batch = ids.next('batch');
      made.push(batch);
      jobs.push(...(await drafts.write(at, batch, ids, id)));
    }
    return await campaigns.accept(id, {
      ...{ tenant: tenant.name, batches: made, sizes, bases, maxStoredBytes: tenant.maxStoredBytes },
      maxFailures: submission.maxFailures,
      options: {
        ...{ waves, labels, only_changed: onlyChanged, max_running, finish_by, retry_of: submission.retryOf },
        ...(callback && { callback: { url: callback.url } }),
        ...(callback?.secret !== undefined && {
          sealed_callback_secret: seal(sealingKey, callback.secret, id),
        }),
      },
      functions: planned.map(({ spec, shown, before }, at) => ({
        ...{ function: shown.function, job: jobs[at] ?? '', image: spec.image, reasons: shown.reasons },
        ...{ built: before !== undefined, before: before?.digest },
      })),
    });
  } catch (error) {
    // If this fails too, the leading worker cleans up. It changes nothing for an accepted campaign.
    await Promise.all(made.map((batch) => batches.giveUp(batch).catch(() => undefined)));
    throw error;
  }
}

function specOf(
  { spec, before }: CampaignJob,
  { callback, onlyChanged }: Pick<CampaignSubmission, 'callback' | 'onlyChanged'>,
): JobSpec {
  if (!callback) return spec;
  return { ...spec, callback: { ...callback, ...(onlyChanged && { unless_digest: before?.digest ?? '' }) } };
}

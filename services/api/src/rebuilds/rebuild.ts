import { planWaves, waveOf } from '@slipway/control-plane/campaigns';
import { toBatch } from '@slipway/control-plane/jobs';
import {
  type FunctionSelector,
  maxBatchItems,
  type RebuildPlan,
  type RebuildRequest,
  rebuildRequestSchema,
  type Template,
  type Waves,
} from '@slipway/shared/contracts';
import { codeOf, SlipwayError } from '@slipway/shared/errors';
import { earlierBatch, submitBatch } from '../batches/submit.js';
import { earlierCampaign, type SubmitCampaignDeps, submitCampaign } from '../campaigns/submit.js';
import { viewOf } from '../campaigns/view.js';
import { type Ids, newIds } from '../idempotency/ids.js';
import type { Account } from '../tenants/account.js';
import { type PlanDeps, planRebuild } from './plan.js';

export interface RebuildDeps extends PlanDeps, SubmitCampaignDeps {}

/**
 * Builds the selected functions again, as one batch or with `waves` as a campaign. Throws the errors of `planRebuild`, and of `submitBatch` or
 * `submitCampaign`.
 */
export async function rebuild(
  request: RebuildRequest,
  tenant: Account,
  deps: RebuildDeps,
  ids: Ids = newIds(),
): Promise<RebuildPlan> {
  // The selection of an earlier try is unknown now; the jobs are known.
  if (request.waves) {
    const earlier = await earlierCampaign(ids, deps);
    if (earlier) return { functions: [], left_out: [], campaign: await viewOf(earlier, deps) };
  } else {
    const earlier = await earlierBatch(ids, deps);
    if (earlier) return { functions: [], left_out: [], batch: toBatch(earlier, deps.now()) };
  }
  const { planned, leftOut } = await planRebuild(request, tenant.name, deps);
  const sizes = request.waves && planWaves(planned.length, request.waves);
  const plan = {
    functions: planned.map(({ shown }, at) => ({ ...shown, ...(sizes && { wave: waveOf(at, sizes) }) })),
    left_out: [...leftOut],
  };
  if (request.dry_run) return plan;
  const { on_failure, max_running, callback } = request;
  const labels = { rebuild: labelOf(request.select), ...request.labels };
  if (request.waves) {
    const record = await submitCampaign(
      { ...campaignOf(request, request.waves), planned, labels, tenant, ids },
      deps,
    );
    return { ...plan, campaign: await viewOf(record, deps) };
  }
  const batch = await submitBatch(
    {
      specs: planned.map(({ spec }) => spec),
      basesOf: (at) => planned[at]?.bases,
      options: { on_failure, max_running, callback, labels },
      tenant,
      ids,
    },
    deps,
  );
  return { ...plan, batch: toBatch(batch, deps.now()) };
}

function campaignOf(request: RebuildRequest, waves: Waves) {
  const { max_failures = 0, only_changed = false, max_running, callback, finish_by } = request;
  return { waves, maxFailures: max_failures, onlyChanged: only_changed, max_running, callback, finish_by };
}

/**
 * Rebuilds all functions whose last job had other files of a template than the current ones. Returns the id of the batch; undefined
 * when no function needs a rebuild.
 */
export async function rebuildTemplateUsers(
  { name, digest }: Template,
  tenant: Account,
  deps: RebuildDeps,
  ids: Ids,
): Promise<string | undefined> {
  const stale: string[] = [];
  for await (const { records } of deps.functions.walk(tenant.name)) {
    for (const { name: each, spec } of records) {
      if (spec.template?.name === name && spec.template.digest !== digest) stale.push(each);
    }
  }
  if (stale.length === 0) return undefined;
  if (stale.length > maxBatchItems) {
    throw new SlipwayError(
      'request_invalid',
      `The template is stored, but ${stale.length} functions use it: rebuild them by namespace.`,
    );
  }
  const request = rebuildRequestSchema.parse({ select: { template: name, functions: stale } });
  try {
    return (await rebuild(request, tenant, deps, ids)).batch?.id;
  } catch (error) {
    // All their sources were removed.
    if (codeOf(error) === 'nothing_selected') return undefined;
    throw error;
  }
}

/** Returns the selection as a label, as far as a label can express it. */
function labelOf({ functions, labels, ...select }: FunctionSelector): string {
  const words = [
    ...Object.entries(select).map(([field, value]) => `${field}:${value}`),
    ...Object.entries(labels ?? {}).map(([name, value]) => `label:${name}:${value}`),
    ...(functions ? [`functions:${functions.length}`] : []),
  ];
  return words
    .join('+')
    .replaceAll(/[^A-Za-z0-9._/@:+-]/g, '_')
    .slice(0, 128);
}

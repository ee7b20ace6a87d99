import {
  type CampaignRecord,
  type CampaignStore,
  outcomeOf,
  type PlannedFunction,
  waveOf,
} from '@slipway/control-plane/campaigns';
import type { JobStore } from '@slipway/control-plane/jobs';
import { onlyReadable } from '@slipway/control-plane/records';
import type { CampaignFunction } from '@slipway/shared/contracts';

interface FunctionsDeps {
  readonly campaigns: Pick<CampaignStore, 'functions'>;
  readonly store: Pick<JobStore, 'getOutline'>;
}

interface Filter {
  readonly state?: CampaignFunction['state'] | undefined;
  readonly limit: number;
  /** The place of the first function. */
  readonly from: number;
}

interface Page {
  readonly functions: readonly CampaignFunction[];
  /** The place where the next page begins; undefined at the end. */
  readonly next: number | undefined;
}

/** Functions read at once. */
const run = 200;

/** Returns functions of a campaign in its order. The state of a function in a wave that has not ended is that of its job. */
export async function listCampaignFunctions(
  record: CampaignRecord,
  { state, limit, from }: Filter,
  deps: FunctionsDeps,
): Promise<Page> {
  const total = record.sizes.reduce((sum, size) => sum + size, 0);
  const found: CampaignFunction[] = [];
  for (let first = from; first < total; first += run) {
    const rows = await deps.campaigns.functions(record.id, first, Math.min(run, total - first));
    const views = await Promise.all(
      rows.map(({ planned, result }, at) => viewOf(first + at, { planned, result }, record, deps)),
    );
    for (const [at, view] of views.entries()) {
      if (state !== undefined && view.state !== state) continue;
      if (found.length === limit) return { functions: found, next: first + at };
      found.push(view);
    }
  }
  return { functions: found, next: undefined };
}

async function viewOf(
  place: number,
  { planned, result }: Awaited<ReturnType<CampaignStore['functions']>>[number],
  { sizes }: CampaignRecord,
  { store }: Pick<FunctionsDeps, 'store'>,
): Promise<CampaignFunction> {
  const { before, built, reasons, ...rest } = planned;
  const outcome = result ?? (await currentOutcome(planned, store));
  return {
    ...rest,
    wave: waveOf(place, sizes),
    reasons: [...reasons],
    ...outcome,
    ...(built && before !== undefined && { digest_before: before }),
  };
}

async function currentOutcome(
  { job, built, before }: PlannedFunction,
  store: Pick<JobStore, 'getOutline'>,
): Promise<ReturnType<typeof outcomeOf>> {
  const [found] = await onlyReadable([store.getOutline(job)]);
  return outcomeOf(found, { built, digest: before });
}

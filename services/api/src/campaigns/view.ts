import { type CampaignRecord, toCampaign } from '@slipway/control-plane/campaigns';
import type { BatchStore } from '@slipway/control-plane/jobs';
import { onlyReadable } from '@slipway/control-plane/records';
import type { Campaign } from '@slipway/shared/contracts';

export interface ViewDeps {
  readonly batches: Pick<BatchStore, 'get'>;
  /** Returns Redis' time in milliseconds. */
  readonly now: () => number;
}

/** Returns the campaign as the API shows it, with the batches of its waves. */
export async function viewOf(record: CampaignRecord, { batches, now }: ViewDeps): Promise<Campaign> {
  const found = await onlyReadable(record.batches.map((id) => batches.get(id)));
  return toCampaign(record, new Map(found.map((batch) => [batch.id, batch])), now());
}

import {
  type CampaignRecord,
  type CampaignStore,
  type FunctionResult,
  outcomeOf,
  startOfWave,
} from '@slipway/control-plane/campaigns';
import type { BatchStore, JobStore } from '@slipway/control-plane/jobs';
import { onlyReadable } from '@slipway/control-plane/records';
import type { Logger } from '@slipway/shared/logger';
import type { LeaderTask } from './leader.js';

interface CampaignsOptions {
  readonly campaigns: Pick<CampaignStore, 'open' | 'get' | 'functions' | 'recordResults' | 'advance'>;
  readonly batches: Pick<BatchStore, 'get'>;
  readonly store: Pick<JobStore, 'getOutline'>;
  readonly logger: Pick<Logger, 'info'>;
}

/** Jobs read at once. */
const atOnce = 200;

/**
 * Records the results of each wave that has ended, then begins the next wave or ends the campaign. Each step names its wave, so a repeated step changes
 * nothing: a leader that is killed in between, or a second leader, does no harm.
 */
export class Campaigns implements LeaderTask {
  readonly name = 'campaigns';
  readonly everyMs = 500;
  readonly #options: CampaignsOptions;

  constructor(options: CampaignsOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    for (const id of await this.#options.campaigns.open()) {
      if (signal.aborted) return;
      // A campaign whose record cannot be read holds up no other.
      await onlyReadable([this.#advance(id, signal)]);
    }
  }

  /** Does all steps that are possible now. Several waves of a canceled campaign may have ended. */
  async #advance(id: string, signal: AbortSignal): Promise<void> {
    const { campaigns, batches, logger } = this.#options;
    while (!signal.aborted) {
      const record = await campaigns.get(id);
      if (!record || record.finishedAt !== undefined) return;
      const { wave } = record;
      const batch = await batches.get(record.batches[wave - 1] ?? '');
      if (batch && batch.finishedAt === undefined) return;
      if (record.compared < wave) {
        const results = {
          wave,
          first: startOfWave(wave, record.sizes),
          results: await this.#results(record),
        };
        if ((await campaigns.recordResults(id, results)) === 'wait') return;
      }
      const outcome = await campaigns.advance(id, wave);
      if (outcome === 'ok') logger.info({ campaign_id: id, wave: wave + 1 }, 'the next wave begins');
      if (outcome === 'terminal') logger.info({ campaign_id: id }, 'a campaign has ended');
      if (outcome !== 'ok') return;
    }
  }

  async #results({ id, wave, sizes }: CampaignRecord): Promise<FunctionResult[]> {
    const { campaigns, store } = this.#options;
    const results: FunctionResult[] = [];
    const [first, size] = [startOfWave(wave, sizes), sizes[wave - 1] ?? 0];
    for (let at = 0; at < size; at += atOnce) {
      const part = await campaigns.functions(id, first + at, Math.min(atOnce, size - at));
      const jobs = await Promise.all(
        part.map(async ({ planned }) => (await onlyReadable([store.getOutline(planned.job)]))[0]),
      );
      for (const [place, { planned }] of part.entries()) {
        const { built, before: digest } = planned;
        const outcome = outcomeOf(jobs[place], { built, digest });
        // No job of an ended batch waits or runs.
        const ended = outcome.state === 'waiting' || outcome.state === 'running';
        results.push(ended ? { state: 'unknown' } : (outcome as FunctionResult));
      }
    }
    return results;
  }
}

import { comparisonOutcomes, maxCampaignFunctions } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { type Keys, type Redis, type Script, scriptsIn } from '@slipway/shared/redis';
import { z } from 'zod';
import { createTransition, type TransitionOptions } from '../jobs/index.js';
import { controlPlaneLua } from '../lua/index.js';
import {
  noRecordFaults,
  objectField,
  onlyReadable,
  type RecordFaults,
  readRecord,
} from '../records/index.js';
import { storedQuotaExceeded } from '../stored/index.js';
import { type CampaignOptions, type CampaignRecord, parseCampaign } from './campaign-record.js';
import { countResults, type FunctionResult } from './outcome.js';

/** A function of a campaign, as it was planned. */
export interface PlannedFunction {
  readonly function: string;
  readonly job: string;
  readonly image: string;
  readonly reasons: readonly string[];
  /** True if the function had a success before the campaign. */
  readonly built: boolean;
  /** The digest of that success. */
  readonly before?: string | undefined;
}

interface NewCampaign {
  readonly tenant: string;
  readonly options: CampaignOptions;
  readonly maxFailures: number;
  /** Drafts, in the order of the waves. */
  readonly batches: readonly string[];
  readonly sizes: readonly number[];
  readonly bases: readonly string[];
  readonly functions: readonly PlannedFunction[];
  /** Limit of the tenant's bytes in Redis. Default: no limit. */
  readonly maxStoredBytes?: number | undefined;
}

interface CampaignPage {
  readonly records: readonly CampaignRecord[];
  /** Where the next page begins; undefined at the end. */
  readonly next: string | undefined;
}

/** Limit of the campaigns of a tenant that run at once. */
const maxCampaigns = 20;
/** A draft whose writer stopped loses its functions after this time. */
const draftSeconds = 3_600;
/** Functions written and read at once. */
const run = 500;
/** Bytes of a result and of the fields that hold a function and its result. */
const resultBytes = 350;

const script = scriptsIn(controlPlaneLua, 'campaigns/');
const id = { id: z.string() };
const acceptScript = script('accept', {
  ...id,
  tenant: z.string(),
  batches: z.array(z.string()),
  sizes: z.array(z.string()),
  options: z.string(),
  bases: z.array(z.string()),
  max_failures: z.int(),
  most: z.int(),
  bytes: z.int(),
  limit: z.int().optional(),
});
const giveUpScript = script('give-up', id);
const pauseScript = script('pause', id);
const resumeScript = script('resume', id);
const cancelScript = script('cancel', id);
const recordScript = script('record-results', {
  ...id,
  wave: z.int(),
  results: z.array(z.string()),
  counts: z.array(z.string()),
});
const advanceScript = script('advance', { ...id, wave: z.int() });

/** The records of campaigns. Every change is one atomic script (see lua/campaigns). */
export class CampaignStore {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #transition: ReturnType<typeof createTransition>;
  readonly #faults: RecordFaults;

  constructor(options: TransitionOptions) {
    this.#redis = options.redis;
    this.#keys = options.keys;
    this.#transition = createTransition(options);
    this.#faults = options.faults ?? noRecordFaults;
  }

  get(campaign: string): Promise<CampaignRecord | undefined> {
    const reply = this.#redis.hgetall(this.#keys.campaign(campaign));
    return readRecord({ kind: 'campaign', id: campaign, reply, parse: parseCampaign, faults: this.#faults });
  }

  /** Returns a page of a tenant's campaigns, newest first. The page begins after the id `before`. */
  async list(filter: { tenant: string; limit: number; before?: string | undefined }): Promise<CampaignPage> {
    const { tenant, limit, before } = filter;
    const index = this.#keys.index(`campaigns:${tenant}`);
    const start = before === undefined ? '+' : `(${before}`;
    const ids = await this.#redis.zrevrangebylex(index, start, '-', 'LIMIT', 0, limit + 1);
    const page = ids.slice(0, limit);
    return {
      records: await onlyReadable(page.map((each) => this.get(each))),
      next: ids.length > limit ? page.at(-1) : undefined,
    };
  }

  /** Throws `campaign_running` or `campaign_limit` if a campaign with these base images cannot be accepted now. `accept` decides. */
  async checkRoom(tenant: string, bases: readonly string[]): Promise<void> {
    const holders =
      bases.length === 0 ? [] : await this.#redis.hmget(this.#keys.campaignBases(tenant), ...bases);
    for (const [at, holder] of holders.entries()) if (holder !== null) throw busy(bases[at] ?? '', holder);
    if ((await this.#redis.zcard(this.#keys.openCampaignsOf(tenant))) >= maxCampaigns) throw tooMany(tenant);
  }

  /**
   * Accepts a campaign whose jobs were written as drafts, and begins its first wave. Throws `campaign_running`, `campaign_limit`,
   * `stored_quota_exceeded`, and `batch_closed` if a draft is none any more. Then nothing is accepted.
   */
  async accept(campaign: string, options: NewCampaign): Promise<CampaignRecord> {
    const { tenant, functions, maxStoredBytes } = options;
    const texts = functions.map((each) => JSON.stringify(each));
    const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text) + resultBytes, 0);
    await this.#writeFunctions(campaign, texts);
    const [outcome, ...details] = await this.#transition(acceptScript, {
      ...{ id: campaign, tenant, batches: [...options.batches], sizes: options.sizes.map(String) },
      ...{ options: JSON.stringify(options.options), bases: [...options.bases], bytes },
      ...{ max_failures: options.maxFailures, most: maxCampaigns, limit: maxStoredBytes },
    });
    switch (outcome as string) {
      case 'ok':
        break;
      case 'busy':
        throw busy(String(details[0]), String(details[1]));
      case 'many':
        throw tooMany(tenant);
      case 'full':
        throw storedQuotaExceeded({ tenant, used: String(details[0]), bytes, maxStoredBytes });
      default:
        throw new SlipwayError('batch_closed', 'The campaign was canceled before all its jobs were written.');
    }
    const record = await this.get(campaign);
    if (!record) throw new SlipwayError('internal', `The campaign ${campaign} was removed.`);
    return record;
  }

  async #writeFunctions(campaign: string, texts: readonly string[]): Promise<void> {
    const key = this.#keys.campaignFunctions(campaign);
    for (let at = 0; at < texts.length; at += run) {
      const part = texts.slice(at, at + run).flatMap((text, offset) => [String(at + offset), text]);
      await this.#redis
        .multi()
        .hset(key, ...part)
        .expire(key, draftSeconds)
        .exec();
    }
  }

  /** Ensures that a slow process accepts no campaign with this id later. Returns false when it was accepted. */
  async giveUp(campaign: string): Promise<boolean> {
    return (await this.#run(giveUpScript, { id: campaign })) === 'ok';
  }

  /** Pauses the campaign: no waiting job begins. Returns `terminal` when it has ended or was canceled. */
  pause(campaign: string): Promise<'ok' | 'terminal' | 'missing'> {
    return this.#run(pauseScript, { id: campaign });
  }

  /** Ends the pause. Returns `terminal` when there is none. */
  resume(campaign: string): Promise<'ok' | 'terminal' | 'missing'> {
    return this.#run(resumeScript, { id: campaign });
  }

  /** Stops all its batches. Their jobs are then canceled one by one; see `BatchStore.stopping`. */
  cancel(campaign: string): Promise<'ok' | 'terminal' | 'missing'> {
    return this.#run(cancelScript, { id: campaign });
  }

  /** Records the results of a wave that has ended, in the order of its functions. `first`: the place of the first of them. */
  recordResults(
    campaign: string,
    { wave, first, results }: { wave: number; first: number; results: readonly FunctionResult[] },
  ): Promise<'ok' | 'stale' | 'wait' | 'missing'> {
    return this.#run(recordScript, {
      ...{ id: campaign, wave },
      results: results.flatMap((result, at) => [String(first + at), JSON.stringify(result)]),
      counts: comparisonOutcomes.map((name) => String(countResults(results)[name])),
    });
  }

  /** Begins the wave after this one. Returns `terminal` when it was the last one: the campaign has ended then. */
  advance(campaign: string, wave: number): Promise<'ok' | 'terminal' | 'wait' | 'stale' | 'missing'> {
    return this.#run(advanceScript, { id: campaign, wave });
  }

  /** Returns the campaigns of all tenants that have not ended, the oldest first. */
  open(): Promise<string[]> {
    return this.#redis.zrange(this.#keys.openCampaigns, '0', '-1');
  }

  /** Returns functions of a campaign with their recorded results, beginning at a place. */
  async functions(
    campaign: string,
    from: number,
    count: number,
  ): Promise<{ readonly planned: PlannedFunction; readonly result: FunctionResult | undefined }[]> {
    const places = Array.from({ length: Math.min(count, maxCampaignFunctions) }, (_, at) =>
      String(from + at),
    );
    if (places.length === 0) return [];
    const [planned, results] = await Promise.all([
      this.#redis.hmget(this.#keys.campaignFunctions(campaign), ...places),
      this.#redis.hmget(this.#keys.campaignResults(campaign), ...places),
    ]);
    return planned.flatMap((text, at) => {
      if (text === null) return [];
      const result = results[at];
      return {
        planned: objectField<PlannedFunction>({ text }, 'text'),
        result: result == null ? undefined : objectField<FunctionResult>({ result }, 'result'),
      };
    });
  }

  async #run<Args, Outcome>(of: Script<Args>, args: Args): Promise<Outcome> {
    const [outcome] = await this.#transition(of, args);
    return outcome as Outcome;
  }
}

function busy(base: string, campaign: string): SlipwayError {
  return new SlipwayError('campaign_running', `${campaign} builds the functions of ${base} now.`);
}

function tooMany(tenant: string): SlipwayError {
  return new SlipwayError('campaign_limit', `${tenant} runs ${maxCampaigns} campaigns.`);
}

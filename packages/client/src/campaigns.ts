import type { Client as FetchClient } from 'openapi-fetch';
import { dataOf } from './batches.js';
import type { components, operations, paths } from './schema.js';

type Schemas = components['schemas'];
export type Campaign = Schemas['Campaign'];
export type CampaignFunction = Schemas['CampaignFunction'];
type CampaignPage = Schemas['CampaignPage'];
type CampaignFunctionPage = Schemas['CampaignFunctionPage'];
type RebuildRequest = Schemas['RebuildRequest'];
type RebuildPlan = Schemas['RebuildPlan'];
type ListCampaignsQuery = NonNullable<operations['listCampaigns']['parameters']['query']>;
type ListFunctionsQuery = NonNullable<operations['listCampaignFunctions']['parameters']['query']>;

interface Call {
  readonly signal?: AbortSignal | undefined;
}
type OfCampaign = Call & { readonly id: string };

export interface CampaignCalls {
  /** Rebuilds the selected functions in waves. The plan lists each function with the reason, and has the campaign. */
  startCampaign(
    options: Call & {
      rebuild: Omit<RebuildRequest, 'dry_run'> & { waves: NonNullable<RebuildRequest['waves']> };
    },
  ): Promise<RebuildPlan & { campaign: Campaign }>;
  listCampaigns(options?: Call & { query?: ListCampaignsQuery }): Promise<CampaignPage>;
  getCampaign(options: OfCampaign): Promise<Campaign>;
  listCampaignFunctions(options: OfCampaign & { query?: ListFunctionsQuery }): Promise<CampaignFunctionPage>;
  pauseCampaign(options: OfCampaign): Promise<Campaign>;
  resumeCampaign(options: OfCampaign): Promise<Campaign>;
  cancelCampaign(options: OfCampaign): Promise<Campaign>;
  /** Starts a new campaign of the functions that failed or were canceled. */
  retryCampaign(options: OfCampaign): Promise<Campaign>;
}

const signalOf = ({ signal }: Call) => (signal ? { signal } : {});

export function campaignCalls({ api }: { readonly api: FetchClient<paths> }): CampaignCalls {
  const of = ({ id, signal }: OfCampaign) => ({ params: { path: { id } }, ...signalOf({ signal }) });
  return {
    async startCampaign({ rebuild, ...call }) {
      const body = { ...rebuild, dry_run: false };
      const plan = dataOf(await api.POST('/v1/rebuilds', { body, ...signalOf(call) }));
      if (!plan.campaign) throw new TypeError('the server answered without a campaign');
      return { ...plan, campaign: plan.campaign };
    },
    async listCampaigns({ query = {}, ...call } = {}) {
      return dataOf(await api.GET('/v1/campaigns', { params: { query }, ...signalOf(call) }));
    },
    getCampaign: async (call) => dataOf(await api.GET('/v1/campaigns/{id}', of(call))),
    async listCampaignFunctions({ id, query = {}, ...call }) {
      const params = { path: { id }, query };
      return dataOf(await api.GET('/v1/campaigns/{id}/functions', { params, ...signalOf(call) }));
    },
    pauseCampaign: async (call) => dataOf(await api.POST('/v1/campaigns/{id}/pause', of(call))),
    resumeCampaign: async (call) => dataOf(await api.POST('/v1/campaigns/{id}/resume', of(call))),
    cancelCampaign: async (call) => dataOf(await api.POST('/v1/campaigns/{id}/cancel', of(call))),
    retryCampaign: async (call) => dataOf(await api.POST('/v1/campaigns/{id}/retry', of(call))),
  };
}

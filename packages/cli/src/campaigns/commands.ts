import type { Campaign, CampaignFunction, Client } from '@slipway/client';
import { count, shortDigest } from '@slipway/shared/formatting';
import type { CommandContext, CommonOptions } from '../command-context.js';
import { connect } from '../connection/connection.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import type { Screen, Terminal } from '../terminal/terminal.js';
import { age, shown, table } from '../terminal/text.js';

export interface ListCampaignsOptions extends CommonOptions {
  readonly limit: number;
}

/** Shows the latest campaigns. */
export async function listCampaigns(
  options: ListCampaignsOptions,
  { terminal: { out, err }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  const { campaigns } = await client.listCampaigns({ query: { limit: options.limit } });
  if (options.json) out.line(JSON.stringify(campaigns));
  else if (campaigns.length === 0) err.line('No campaigns.');
  else {
    const rows = campaigns.map((campaign) => [
      ...[campaign.id, stateText(campaign), `${campaign.wave}/${campaign.waves.length}`],
      ...[campaign.total, campaign.comparison.changed, campaign.comparison.failed].map(String),
      ...[age(campaign.created_at), endText(campaign)],
    ]);
    const heading = ['CAMPAIGN', 'STATE', 'WAVE', 'FUNCTIONS', 'CHANGED', 'FAILED', 'AGE', 'END'];
    for (const row of table([heading, ...rows])) out.line(row);
  }
  return exitCodes.ok;
}

export interface ShowCampaignOptions extends CommonOptions {
  readonly state?: CampaignFunction['state'];
}

/** Shows a campaign with its waves, and its functions that changed or failed, or the functions in one state. */
export async function showCampaign(
  id: string,
  options: ShowCampaignOptions,
  { terminal: { out }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  const campaign = await client.getCampaign({ id });
  const states = options.state === undefined ? (['changed', 'failed'] as const) : [options.state];
  const functions = (await Promise.all(states.map((state) => functionsOf(client, id, state)))).flat();
  if (options.json) {
    out.line(JSON.stringify({ ...campaign, functions }));
    return exitCodes.ok;
  }
  showSummary(campaign, out);
  if (functions.length > 0) out.line('');
  for (const row of functions.length > 0 ? table([functionHeading, ...functions.map(functionRow)]) : []) {
    out.line(row);
  }
  return exitCodes.ok;
}

export type CampaignVerb = 'pause' | 'resume' | 'cancel';

/** Pauses, resumes or cancels a campaign. */
export async function changeCampaign(
  verb: CampaignVerb,
  id: string,
  options: CommonOptions,
  { terminal: { out }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  const calls = { pause: client.pauseCampaign, resume: client.resumeCampaign, cancel: client.cancelCampaign };
  const campaign = await calls[verb]({ id });
  out.line(options.json ? JSON.stringify(campaign) : `${id} is ${campaign.state}`);
  return exitCodes.ok;
}

/** Starts a new campaign of the functions that failed or were canceled. */
export async function retryCampaign(
  id: string,
  options: CommonOptions,
  { terminal, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  return startedCampaign(await client.retryCampaign({ id }), options, terminal);
}

interface StartedOptions extends CommonOptions {
  readonly quiet?: boolean;
}

/** Reports a campaign that was just started: its id, and its size on the second stream. */
export function startedCampaign(
  campaign: Campaign,
  { json, quiet }: StartedOptions,
  { out, err }: Terminal,
): ExitCode {
  if (json) out.line(JSON.stringify({ type: 'started', campaign: campaign.id }));
  else {
    const size = `${count(campaign.total, 'function')} in ${count(campaign.waves.length, 'wave')}`;
    if (!quiet) err.line(`${err.style('bold', 'campaign'.padEnd(10))} ${size}`);
    out.line(campaign.id);
  }
  return exitCodes.ok;
}

const pageSize = 200;

async function functionsOf(
  client: Client,
  id: string,
  state: CampaignFunction['state'],
): Promise<CampaignFunction[]> {
  const found: CampaignFunction[] = [];
  let cursor: string | undefined;
  do {
    const query = { state, limit: pageSize, ...(cursor !== undefined && { cursor }) };
    const page = await client.listCampaignFunctions({ id, query });
    found.push(...page.functions);
    cursor = page.next_cursor;
  } while (cursor !== undefined);
  return found;
}

function stateText({ state, paused_by, canceled }: Campaign): string {
  if (paused_by === 'max_failures') return 'paused: failures';
  return state === 'finished' && canceled ? 'canceled' : state;
}

function endText({ finished_at, predicted_end, late }: Campaign): string {
  const lateText = late ? ' (late)' : '';
  if (finished_at !== undefined) return `${age(finished_at)} ago${lateText}`;
  return predicted_end === undefined ? `-${lateText}` : `${predicted_end}${lateText}`;
}

function showSummary(campaign: Campaign, out: Screen): void {
  const { id, waves, comparison, finish_by, retry_of, base_images } = campaign;
  out.line(`${id}  ${stateText(campaign)}`);
  for (const base of base_images) out.line(`  base image ${shown(base)}`);
  if (retry_of !== undefined) out.line(`  repeats ${retry_of}`);
  if (finish_by !== undefined) out.line(`  finish by ${finish_by}`);
  if (campaign.finished_at === undefined) out.line(`  predicted end ${endText(campaign)}`);
  const results = Object.entries(comparison).filter(([, amount]) => amount > 0);
  if (results.length > 0) out.line(`  ${results.map(([name, amount]) => `${amount} ${name}`).join(', ')}`);
  out.line('');
  const rows = waves.map(({ number, state, total, counts, batch }) => [
    ...[String(number), state, String(total)],
    ...(['queued', 'running', 'succeeded', 'failed', 'canceled'] as const).map((name) =>
      counts ? String(counts[name]) : '-',
    ),
    batch,
  ]);
  const heading = ['WAVE', 'STATE', 'JOBS', 'QUEUED', 'RUNNING', 'OK', 'FAILED', 'CANCELED', 'BATCH'];
  for (const row of table([heading, ...rows])) out.line(row);
}

const functionHeading = ['FUNCTION', 'STATE', 'IMAGE', 'DIGEST', 'BEFORE', 'CODE', 'WHY'];
const digestText = (digest: string | undefined) => (digest === undefined ? '-' : shortDigest(digest));

const functionRow = (each: CampaignFunction) => [
  ...[each.function, each.state, shown(each.image)],
  ...[digestText(each.digest), digestText(each.digest_before)],
  ...[each.code ?? '-', shown(each.reasons.join('; '))],
];

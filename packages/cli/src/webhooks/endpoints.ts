import type { Client, Webhook, WebhookPatch } from '@slipway/client';
import { type WebhookEventType, webhookFormat } from '@slipway/shared/contracts';
import type { CommandContext, CommonOptions } from '../command-context.js';
import { CommandError } from '../command-error.js';
import { connect } from '../connection/connection.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import type { Screen } from '../terminal/terminal.js';
import { shown, table } from '../terminal/text.js';
import { type FormatOptions, formatOf } from './format.js';
import { eventsText } from './parse.js';
import { secretFrom } from './secret.js';
import { formatText, webhookState } from './text.js';

/** Shows the endpoints. */
export async function listWebhooks(
  options: CommonOptions,
  { terminal: { out, err }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  const webhooks = await allWebhooks(client);
  if (options.json) out.line(JSON.stringify(webhooks));
  else if (webhooks.length === 0) err.line('No webhooks. `slipway webhooks create` creates one.');
  else {
    const rows = webhooks.map((webhook) => [
      ...[webhook.id, webhookState(webhook, out), shown(webhook.url), eventsText(webhook.events)],
      shown(webhook.description),
    ]);
    for (const row of table([['WEBHOOK', 'STATE', 'URL', 'EVENTS', 'DESCRIPTION'], ...rows])) out.line(row);
  }
  return exitCodes.ok;
}

/** Returns all endpoints, oldest first. */
export async function allWebhooks(client: Client): Promise<Webhook[]> {
  const found: Webhook[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.listWebhooks({
      query: { limit: 200, ...(cursor !== undefined && { cursor }) },
    });
    found.push(...page.webhooks);
    cursor = page.next_cursor;
  } while (cursor !== undefined);
  return found;
}

/** Shows one endpoint. */
export async function showWebhook(
  id: string,
  options: CommonOptions,
  { terminal: { out, err }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  const webhook = await client.getWebhook({ id });
  if (options.json) {
    out.line(JSON.stringify(webhook));
    return exitCodes.ok;
  }
  for (const line of describe(webhook, out)) out.line(line);
  if (webhook.disabled) {
    err.line('Once it can receive messages again:');
    err.line(`  slipway webhooks update ${id} --enable`);
    err.line(`  slipway webhooks recover ${id} --since ${webhook.failing_since ?? webhook.disabled.at}`);
  }
  return exitCodes.ok;
}

interface Settings extends CommonOptions, FormatOptions {
  readonly description?: string;
  readonly event?: readonly WebhookEventType[];
  readonly maxInFlight?: number;
}

export interface CreateOptions extends Settings {
  readonly label?: Readonly<Record<string, string>>;
  readonly secretFile?: string;
}

/** Creates an endpoint and shows its secret, which cannot be read again. */
export async function createWebhook(
  url: string,
  options: CreateOptions,
  { terminal: { out, err }, env }: CommandContext,
): Promise<ExitCode> {
  const changes = settingsOf(options);
  const secret = await secretFrom(options.secretFile);
  const client = await connect({ options, env });
  const webhook = await client.createWebhook({
    webhook: {
      ...{ url, ...changes },
      ...(options.label && { labels: options.label }),
      ...(secret !== undefined && { secret }),
    },
  });
  if (options.json) {
    out.line(JSON.stringify(webhook));
    return exitCodes.ok;
  }
  const { target, setsCommitStatus } = webhookFormat(webhook.format.type);
  // Calls of an API carry a token in the place of a signature.
  const made = target === 'receiver' && secret === undefined ? webhook.secret : undefined;
  for (const line of describe(webhook, out, made)) out.line(line);
  if (made !== undefined) err.line(secretOnce);
  // A test message is about no commit.
  if (!setsCommitStatus) err.line(`Send it a message: slipway webhooks test ${webhook.id}`);
  return exitCodes.ok;
}

export interface UpdateOptions extends Settings {
  readonly url?: string;
  /** False with `--no-label`. */
  readonly label?: Readonly<Record<string, string>> | false;
  readonly enable?: boolean;
  readonly disable?: boolean;
}

/** Updates an endpoint: the given settings replace the earlier ones. */
export async function updateWebhook(
  id: string,
  options: UpdateOptions,
  { terminal: { out }, env }: CommandContext,
): Promise<ExitCode> {
  const { url, label, enable, disable } = options;
  if (enable && disable) throw usage('--enable and --disable exclude each other');
  const patch: WebhookPatch = {
    ...settingsOf(options),
    ...(url !== undefined && { url }),
    ...(label !== undefined && { labels: label || {} }),
    ...(enable && { enabled: true }),
    ...(disable && { enabled: false }),
  };
  if (Object.keys(patch).length === 0) {
    throw usage('no setting is given', '`slipway webhooks update --help` lists the settings.');
  }
  const client = await connect({ options, env });
  const webhook = await client.updateWebhook({ id, patch });
  if (options.json) out.line(JSON.stringify(webhook));
  else for (const line of describe(webhook, out)) out.line(line);
  return exitCodes.ok;
}

/** Deletes an endpoint. */
export async function deleteWebhook(
  id: string,
  options: CommonOptions,
  { terminal: { out }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  await client.deleteWebhook({ id });
  if (options.json) out.line(JSON.stringify({ id, deleted: true }));
  else out.line(`${id} is deleted. Pending deliveries are canceled.`);
  return exitCodes.ok;
}

export interface RotateOptions extends CommonOptions {
  readonly secretFile?: string;
}

/** Rotates the secret of an endpoint, and shows the new one. */
export async function rotateSecret(
  id: string,
  options: RotateOptions,
  { terminal: { out, err }, env }: CommandContext,
): Promise<ExitCode> {
  const secret = await secretFrom(options.secretFile);
  const client = await connect({ options, env });
  const webhook = await client.rotateWebhookSecret({ id, ...(secret !== undefined && { secret }) });
  if (options.json) out.line(JSON.stringify(webhook));
  else {
    out.line(id);
    if (secret === undefined) {
      out.line(`  secret  ${out.style('bold', webhook.secret)}`);
      err.line(secretOnce);
    }
    if (webhook.rotating_until !== undefined) {
      err.line(
        `Until ${webhook.rotating_until} messages are also signed with the previous secret, so that you can update the receivers.`,
      );
    }
  }
  return exitCodes.ok;
}

function settingsOf(options: Settings): WebhookPatch {
  const { description, event, maxInFlight } = options;
  const format = formatOf(options);
  return {
    ...(description !== undefined && { description }),
    ...(event && { events: [...event] }),
    ...(maxInFlight !== undefined && { max_in_flight: maxInFlight }),
    ...(format && { format }),
  };
}

const secretOnce = 'The secret is shown only once. The receiver verifies messages with it.';

function describe(webhook: Webhook, screen: Screen, secret?: string): string[] {
  const labels = Object.entries(webhook.labels).map(([name, value]) => `${name}=${value}`);
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['url', shown(webhook.url)],
    ['about', shown(webhook.description) || undefined],
    ['events', eventsText(webhook.events)],
    ['labels', shown(labels.join(', ')) || undefined],
    ['format', shown(formatText(webhook.format))],
    ['at once', `${webhook.max_in_flight} at most`],
    ['secrets', webhook.rotating_until && `the previous one also signs until ${webhook.rotating_until}`],
    ['made', webhook.created_at],
    ['changed', webhook.updated_at === webhook.created_at ? undefined : webhook.updated_at],
    ['secret', secret && screen.style('bold', secret)],
  ];
  const rows = facts.flatMap(([name, value]) => (value === undefined ? [] : [[`  ${name}`, value]]));
  return [`${webhook.id}  ${webhookState(webhook, screen)}`, ...table(rows)];
}

const usage = (message: string, remedy?: string) =>
  new CommandError({ message, exitCode: exitCodes.usage, ...(remedy !== undefined && { remedy }) });

import type { Delivery, DeliverySummary } from '@slipway/client';
import { count } from '@slipway/shared/formatting';
import type { CommandContext, CommonOptions } from '../command-context.js';
import { CommandError } from '../command-error.js';
import { connect } from '../connection/connection.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import type { Screen } from '../terminal/terminal.js';
import { age, shown, table } from '../terminal/text.js';
import { attemptText, deliveryState, nextText, reasonText } from './text.js';

export interface DeliveriesOptions extends CommonOptions {
  readonly state?: DeliverySummary['state'];
  readonly job?: string;
  readonly batch?: string;
  readonly limit: number;
}

/** Shows the latest deliveries: of an endpoint, of a job or batch, or all. */
export async function listDeliveries(
  id: string | undefined,
  options: DeliveriesOptions,
  { terminal: { out, err }, env }: CommandContext,
): Promise<ExitCode> {
  const { state, job, batch, limit } = options;
  if (id !== undefined && (job !== undefined || batch !== undefined)) {
    throw new CommandError({
      message: '--job and --batch show the deliveries to all endpoints',
      remedy: `Leave ${id} out.`,
      exitCode: exitCodes.usage,
    });
  }
  const client = await connect({ options, env });
  const common = { limit, ...(state !== undefined && { state }) };
  const query = { ...common, ...(job !== undefined && { job }), ...(batch !== undefined && { batch }) };
  const { deliveries, next_cursor } =
    id === undefined
      ? await client.listDeliveries({ query })
      : await client.listWebhookDeliveries({ id, query: common });
  if (options.json) out.line(JSON.stringify(deliveries));
  else if (deliveries.length === 0) err.line('No deliveries.');
  else {
    const heading = ['DELIVERY', 'STATE', 'EVENT', 'ABOUT', 'TRIES', 'LAST', 'AGE'];
    const to = id === undefined ? ['TO'] : [];
    const rows = deliveries.map((delivery) => [
      ...rowOf(delivery, out),
      ...to.map(() => delivery.webhook ?? `callback ${shown(delivery.url)}`),
      [nextText(delivery), shown(delivery.reason ?? '')].join(''),
    ]);
    for (const row of table([[...heading, ...to, ''], ...rows])) out.line(row);
    if (next_cursor !== undefined) {
      err.line(err.style('dim', `The latest ${deliveries.length}; --limit shows more.`));
    }
  }
  return exitCodes.ok;
}

function rowOf(delivery: DeliverySummary, screen: Screen): string[] {
  const last = delivery.attempts.at(-1);
  return [
    ...[delivery.id, deliveryState(screen, delivery.state), delivery.type],
    delivery.job ?? delivery.batch ?? '-',
    String(delivery.attempts.length),
    last === undefined ? '-' : String(last.status ?? shown(last.error ?? 'no answer')),
    age(delivery.created_at),
  ];
}

/** Shows one delivery: its message and the answer to each attempt. */
export async function showDelivery(
  id: string,
  options: CommonOptions,
  { terminal: { out }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  const delivery = await client.getDelivery({ id });
  if (options.json) {
    out.line(JSON.stringify(delivery));
    return exitCodes.ok;
  }
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['event', delivery.type],
    ['to', `${shown(delivery.url)} (${delivery.webhook ?? 'a callback'})`],
    ['message', delivery.message_id],
    ['job', delivery.job],
    ['batch', delivery.batch],
    ['repeats', delivery.redelivery_of],
    ['created', delivery.created_at],
    ['finished', delivery.finished_at],
    ['why', delivery.reason && reasonText(delivery.reason)],
    ['next try', delivery.state === 'pending' ? delivery.next_attempt_at : undefined],
  ];
  out.line(`${delivery.id}  ${deliveryState(out, delivery.state)}`);
  const rows = facts.flatMap(([name, value]) => (value === undefined ? [] : [[`  ${name}`, value]]));
  for (const row of table(rows)) out.line(row);
  for (const attempt of delivery.attempts) {
    out.line(`  attempt ${attempt.number}, ${attempt.at}: ${attemptText(attempt)}`);
    for (const line of block(attempt.response)) out.line(`    ${line}`);
  }
  out.line();
  out.line('  request');
  for (const line of block(readable(delivery.request))) out.line(`    ${line}`);
  return exitCodes.ok;
}

/** Formats JSON with a line per field. Other text stays unchanged. */
function readable(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), undefined, 2);
  } catch {
    return body;
  }
}

/** Returns the lines of an untrusted text. */
const block = (text: string | undefined): string[] =>
  text === undefined || text.trim() === '' ? [] : text.trimEnd().split(/\r?\n/).map(shown);

export interface SendOptions extends CommonOptions {
  readonly detach?: boolean;
}

/** Sends a test message to an endpoint, and shows the outcome. */
export async function testWebhook(
  id: string,
  options: SendOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env: context.env });
  return sent({ delivery: await client.testWebhook({ id }), client, options, context });
}

/** Sends the message of a delivery again as a new delivery, and shows the outcome. */
export async function redeliver(
  id: string,
  options: SendOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env: context.env });
  return sent({ delivery: await client.redeliver({ id }), client, options, context });
}

interface Sent {
  readonly delivery: Delivery;
  readonly client: Awaited<ReturnType<typeof connect>>;
  readonly options: SendOptions;
  readonly context: CommandContext;
}

/** Reports a new delivery: only its id with `--detach`, else the outcome of its first attempt. */
async function sent({ delivery: made, client, options, context }: Sent): Promise<ExitCode> {
  const { out, err } = context.terminal;
  if (options.detach) {
    out.line(options.json ? JSON.stringify(made) : made.id);
    return exitCodes.ok;
  }
  const delivery = await firstOutcome(made, client);
  const ok = delivery.state === 'delivered';
  const code = ok ? exitCodes.ok : exitCodes.failed;
  if (options.json) {
    out.line(JSON.stringify(delivery));
    return code;
  }
  const last = delivery.attempts.at(-1);
  const word = ok ? out.style('green', 'delivered') : out.style('red', 'not delivered');
  out.line(`${word}${last ? `: ${attemptText(last)}` : ''}`);
  for (const line of block(last?.response)) out.line(`  ${line}`);
  if (delivery.reason !== undefined) err.line(`It is not retried: ${reasonText(delivery.reason)}.`);
  else if (delivery.state === 'pending') {
    const next = delivery.next_attempt_at === undefined ? '' : ` at ${delivery.next_attempt_at}`;
    err.line(
      last
        ? `It is retried${next}.`
        : 'Nothing was sent yet: requests to this endpoint wait, because earlier ones failed or are still in progress.',
    );
  }
  err.line(`${err.style('dim', 'Show all of it:')} slipway webhooks delivery ${delivery.id}`);
  return code;
}

/** Milliseconds to wait: an attempt takes at most 15 s, and may have to wait. */
const patienceMs = 30_000;
const pollMs = 150;

/** Returns the delivery once it has ended or had one attempt, or as it is after a time limit. */
async function firstOutcome(made: Delivery, client: Sent['client']): Promise<Delivery> {
  const until = performance.now() + patienceMs;
  let delivery = made;
  while (delivery.state === 'pending' && delivery.attempts.length === 0 && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, pollMs));
    delivery = await client.getDelivery({ id: made.id });
  }
  return delivery;
}

export interface RecoverOptions extends CommonOptions {
  /** RFC 3339. */
  readonly since: string;
}

/** Sends again the messages that were not delivered to an endpoint since a time. */
export async function recoverWebhook(
  id: string,
  { since, ...options }: RecoverOptions,
  { terminal: { out, err }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  const { recovered } = await client.recoverWebhook({ id, since });
  if (options.json) out.line(JSON.stringify({ recovered }));
  else if (recovered === 0) out.line(`Nothing has failed since ${since}.`);
  else {
    out.line(
      `${count(recovered, 'message')} ${recovered === 1 ? 'is' : 'are'} sent again that had failed since ${since}.`,
    );
    err.line(`Watch them: slipway webhooks deliveries ${id}`);
  }
  return exitCodes.ok;
}

import type { WebhookEventType } from '@slipway/shared/contracts';
import type { CommandContext, CommonOptions } from '../command-context.js';
import { CommandError } from '../command-error.js';
import { connect } from '../connection/connection.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import { onInterrupt } from '../interrupts.js';
import type { Terminal } from '../terminal/terminal.js';
import { messageEvent, messageLine } from './message-line.js';
import { type Receiver, startReceiver } from './receiver.js';
import { checkSecret, secretFrom } from './secret.js';
import { createTemporary, removeLeftovers, removeTemporary } from './temporary-endpoint.js';

export interface ListenOptions extends CommonOptions {
  /** Port to listen on. Default: a free port. */
  readonly port?: number;
  readonly forward?: URL;
  /** URL by which the API reaches this machine. */
  readonly url?: URL;
  readonly event?: readonly WebhookEventType[];
  readonly label?: Readonly<Record<string, string>>;
  readonly secretFile?: string;
  /** Only listen, with the secret of an existing endpoint. */
  readonly secret?: string;
}

/**
 * Receives webhooks on this machine until Ctrl-C: verifies, prints and forwards them. Unless `secret` is given, creates an endpoint
 * that exists while the command runs.
 */
export async function listen(options: ListenOptions, context: CommandContext): Promise<ExitCode> {
  const { terminal, env } = context;
  const given = givenSecret(options);
  const chosen = await secretFrom(options.secretFile);
  const client = given === undefined ? await connect({ options, env }) : undefined;
  let end: () => void = () => undefined;
  let fail: (defect: unknown) => void = () => undefined;
  const ended = new Promise<void>((resolve, reject) => {
    end = resolve;
    fail = reject;
  });
  // Handles the rejection, which may come before the promise is awaited.
  ended.catch(() => undefined);
  let interrupts = 0;
  const undo = onInterrupt(() => {
    if (++interrupts > 1) process.exit(exitCodes.failed);
    end();
  });
  let receiver: Receiver | undefined;
  try {
    receiver = await start({ options, terminal, onDefect: fail });
    const url = options.url?.href ?? `http://127.0.0.1:${receiver.port}/`;
    if (given !== undefined) {
      receiver.verifyWith(given);
      sayListening({ url, options, terminal });
      await ended;
    }
    if (!client) return exitCodes.ok;
    await removeLeftovers(client);
    const { event: events, label: labels } = options;
    const webhook = await createTemporary({ client, url, events, labels, secret: chosen });
    let removed = false;
    try {
      receiver.verifyWith(webhook.secret);
      const secret = chosen === undefined ? webhook.secret : undefined;
      sayListening({ url, options, terminal, webhook: webhook.id, secret });
      await ended;
    } finally {
      removed = await removeTemporary({ client, id: webhook.id, screen: terminal.err });
    }
    return removed ? exitCodes.ok : exitCodes.refused;
  } finally {
    await receiver?.close();
    undo();
  }
}

function givenSecret({ secret, event, label, url, secretFile }: ListenOptions): string | undefined {
  if (secret === undefined) return undefined;
  if ([event, label, url, secretFile].some((option) => option !== undefined)) {
    throw new CommandError({
      message: '--event, --label, --url and --secret-file are for a new endpoint, and --secret creates none',
      remedy: 'Leave --secret out, or change the settings of the existing endpoint.',
      exitCode: exitCodes.usage,
    });
  }
  return checkSecret(secret, '--secret');
}

interface Start {
  readonly options: ListenOptions;
  readonly terminal: Terminal;
  readonly onDefect: (error: unknown) => void;
}

async function start({ options, terminal: { out }, onDefect }: Start): Promise<Receiver> {
  const { port = 0, forward, json } = options;
  try {
    return await startReceiver({
      ...{ port, forwardTo: forward, onDefect },
      onReceived: (received) =>
        out.line(json ? JSON.stringify(messageEvent(received)) : messageLine(received, out)),
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new CommandError({
      message: `port ${port} is in use`,
      remedy: 'Leave --port out to use a free port.',
      exitCode: exitCodes.failed,
    });
  }
}

interface SayListening {
  readonly url: string;
  readonly options: ListenOptions;
  readonly terminal: Terminal;
  /** Id of the endpoint, if one was created. */
  readonly webhook?: string;
  /** The secret; undefined when the user already has it. */
  readonly secret?: string | undefined;
}

function sayListening({ url, options, terminal: { out, err }, webhook, secret }: SayListening): void {
  const { forward, json } = options;
  if (json) {
    const made = { ...(webhook !== undefined && { webhook }), ...(secret !== undefined && { secret }) };
    out.line(JSON.stringify({ type: 'listening', url, ...made }));
    return;
  }
  const say = (word: string, text: string) => err.line(`${err.style('bold', word.padEnd(10))} ${text}`);
  say('listening', `${url}${webhook === undefined ? '' : ` as ${webhook}`}`);
  if (forward) say('forwards', `to ${forward.href}`);
  if (secret !== undefined) say('secret', secret);
  err.line(
    err.style('dim', webhook === undefined ? 'Ctrl-C ends it.' : 'Ctrl-C ends it and removes the endpoint.'),
  );
}

import { deliveryStates, webhookEventTypes } from '@slipway/shared/contracts';
import { type Command, Option } from 'commander';
import type { CommandContext, CommonOptions } from '../command-context.js';
import type { ExitCode } from '../exit-codes.js';
import { label, whole } from '../parse.js';
import {
  type DeliveriesOptions,
  listDeliveries,
  type RecoverOptions,
  recoverWebhook,
  redeliver,
  type SendOptions,
  showDelivery,
  testWebhook,
} from './deliveries.js';
import {
  type CreateOptions,
  createWebhook,
  deleteWebhook,
  listWebhooks,
  type RotateOptions,
  rotateSecret,
  showWebhook,
  type UpdateOptions,
  updateWebhook,
} from './endpoints.js';
import { apiFormats, formatOptions } from './format.js';
import type { ListenOptions } from './listen.js';
import { events, httpUrl, since } from './parse.js';

interface WebhookCommandsOptions {
  readonly program: Command;
  readonly context: CommandContext;
  readonly onExit: (code: ExitCode) => void;
  /** Adds the options of every command that calls the API, and examples to its help. */
  readonly talks: (command: Command, examples?: string) => Command;
}

/** Adds the commands for webhooks. */
export function addWebhookCommands(options: WebhookCommandsOptions): void {
  const webhooks = options.program
    .command('webhooks')
    .summary('send events to URLs, and show the deliveries')
    .description('Webhooks: endpoints that receive events of jobs and batches, and the deliveries to them.');
  addEndpointCommands(webhooks, options);
  addDeliveryCommands(webhooks, options);
  addListenCommand(webhooks, options);
}

function addEndpointCommands(webhooks: Command, { context, onExit, talks }: WebhookCommandsOptions): void {
  talks(
    webhooks
      .command('list', { isDefault: true })
      .summary('show the endpoints (what `slipway webhooks` does)')
      .description('Shows the endpoints and the state of their deliveries.')
      .option('--json', 'print JSON, and errors too')
      .action(async (options: CommonOptions) => onExit(await listWebhooks(options, context))),
    '\nExample:\n  slipway webhooks\n',
  );
  talks(
    settings(
      webhooks
        .command('create')
        .summary('create an endpoint')
        .description(
          'Sends events to a URL. The secret that signs them is printed only once: the receiver verifies with it.\n\n' +
            'Without --event: the ends of jobs and batches.',
        )
        .argument(
          '<url>',
          `the URL that receives messages; with --format ${apiFormats} the base URL of that API`,
        )
        .option('--label <name=value>', 'only jobs and batches with this label; may be repeated', label)
        .option('--secret-file <file>', 'a file with the secret (whsec_…); default: a generated one'),
    )
      .option('--json', 'print the endpoint with its secret as JSON, and errors too')
      .action(async (url: string, options: CreateOptions) =>
        onExit(await createWebhook(url, options, context)),
      ),
    help.create,
  );
  talks(
    webhooks
      .command('show')
      .summary('show an endpoint')
      .description('Shows an endpoint and the state of its deliveries.')
      .argument('<webhook>', 'the id of an endpoint')
      .option('--json', 'print JSON, and errors too')
      .action(async (id: string, options: CommonOptions) => onExit(await showWebhook(id, options, context))),
    `\nExample:\n  slipway webhooks show ${exampleWebhook}\n`,
  );
  talks(
    settings(
      webhooks
        .command('update')
        .summary('change an endpoint, enable or disable it')
        .description('Changes the given settings of an endpoint; the others stay.')
        .argument('<webhook>', 'the id of an endpoint')
        .option('--enable', 'send to it again, as if it had never failed')
        .option('--disable', 'send nothing more to it; pending deliveries are canceled')
        .option('--url <url>', 'the URL that receives messages')
        .option('--label <name=value>', 'only jobs and batches with this label; may be repeated', label)
        .option('--no-label', 'jobs and batches with any labels'),
    )
      .option('--json', 'print the endpoint as JSON, and errors too')
      .action(async (id: string, options: UpdateOptions) =>
        onExit(await updateWebhook(id, options, context)),
      ),
    help.update,
  );
  talks(
    webhooks
      .command('delete')
      .summary('delete an endpoint')
      .description(
        'Deletes an endpoint. Pending deliveries are canceled; its delivery log stays for a while.',
      )
      .argument('<webhook>', 'the id of an endpoint')
      .option('--json', 'print JSON, and errors too')
      .action(async (id: string, options: CommonOptions) =>
        onExit(await deleteWebhook(id, options, context)),
      ),
    `\nExample:\n  slipway webhooks delete ${exampleWebhook}\n`,
  );
  talks(
    webhooks
      .command('rotate')
      .summary('rotate the secret of an endpoint')
      .description(
        'Replaces the secret of an endpoint, and prints the new one once. For 24 hours messages are signed with both.',
      )
      .argument('<webhook>', 'the id of an endpoint')
      .option('--secret-file <file>', 'a file with the new secret (whsec_…); default: a generated one')
      .option('--json', 'print the endpoint with its secret as JSON, and errors too')
      .action(async (id: string, options: RotateOptions) => onExit(await rotateSecret(id, options, context))),
    `\nExample:\n  slipway webhooks rotate ${exampleWebhook}\n`,
  );
}

function addDeliveryCommands(webhooks: Command, { context, onExit, talks }: WebhookCommandsOptions): void {
  talks(
    webhooks
      .command('test')
      .summary('send an endpoint a test message')
      .description(
        'Sends an endpoint a message of the type webhook.test, and shows its answer. Exits with 1 if it was not delivered.',
      )
      .argument('<webhook>', 'the id of an endpoint')
      .option('-d, --detach', 'print the id of the delivery and do not wait')
      .option('--json', 'print the delivery as JSON, and errors too')
      .action(async (id: string, options: SendOptions) => onExit(await testWebhook(id, options, context))),
    `\nExample:\n  slipway webhooks test ${exampleWebhook}\n`,
  );
  talks(
    webhooks
      .command('deliveries')
      .summary('show the latest deliveries')
      .description('Shows deliveries, newest first: to one endpoint, or to all endpoints and callbacks.')
      .argument('[webhook]', 'the id of an endpoint')
      .addOption(new Option('--state <state>', 'only deliveries in this state').choices([...deliveryStates]))
      .option('--job <job>', 'only deliveries about this job, to all endpoints')
      .option('--batch <batch>', 'only deliveries about this batch, to all endpoints')
      .option('--limit <count>', 'how many', whole({ min: 1, max: 200 }), 20)
      .option('--json', 'print JSON, and errors too')
      .action(async (id: string | undefined, options: DeliveriesOptions) =>
        onExit(await listDeliveries(id, options, context)),
      ),
    `\nExamples:\n  slipway webhooks deliveries ${exampleWebhook} --state failed\n  slipway webhooks deliveries --job job_01kb3v9x7q2m4n6p8r0s1t5w7y\n`,
  );
  talks(
    webhooks
      .command('delivery')
      .summary('show a delivery')
      .description('Shows a delivery: its message, and the answer to each attempt.')
      .argument('<delivery>', 'the id of a delivery, as `deliveries` shows it')
      .option('--json', 'print JSON, and errors too')
      .action(async (id: string, options: CommonOptions) => onExit(await showDelivery(id, options, context))),
    `\nExample:\n  slipway webhooks delivery ${exampleDelivery}\n`,
  );
  talks(
    webhooks
      .command('redeliver')
      .summary('send a message again')
      .description(
        'Sends the message of a delivery again, with the same webhook-id, as a new delivery, and shows the ' +
          'answer. Exits with 1 if it was not delivered.',
      )
      .argument('<delivery>', 'the id of a delivery, as `deliveries` shows it')
      .option('-d, --detach', 'print the id of the new delivery and do not wait')
      .option('--json', 'print the new delivery as JSON, and errors too')
      .action(async (id: string, options: SendOptions) => onExit(await redeliver(id, options, context))),
    `\nExample:\n  slipway webhooks redeliver ${exampleDelivery}\n`,
  );
  talks(
    webhooks
      .command('recover')
      .summary('send messages again that an endpoint has missed')
      .description('Sends failed and canceled messages since a time to an endpoint again, each once.')
      .argument('<webhook>', 'the id of an endpoint')
      .requiredOption(
        '--since <time>',
        'an age such as 30m, 2h, 3d, or a time such as 2026-01-31T14:00:00Z',
        since,
      )
      .option('--json', 'print JSON, and errors too')
      .action(async (id: string, options: RecoverOptions) =>
        onExit(await recoverWebhook(id, options, context)),
      ),
    `\nExample:\n  slipway webhooks recover ${exampleWebhook} --since 2h\n`,
  );
}

function addListenCommand(webhooks: Command, { context, onExit, talks }: WebhookCommandsOptions): void {
  talks(
    webhooks
      .command('listen')
      .summary('receive webhooks on this machine, for development')
      .description(
        'Creates an endpoint for this machine, verifies its messages and prints a line for each, until Ctrl-C, which ' +
          'removes the endpoint again. --forward sends each message with its headers to a program, and returns its answer.\n\n' +
          'With --secret no endpoint is created, and no server is needed.',
      )
      .option('--port <port>', 'the port on 127.0.0.1; default: a free one', whole({ min: 1, max: 65_535 }))
      .option('--forward <url>', 'the URL of a program that receives each message', httpUrl)
      .addOption(eventOption('only these events; may be repeated; default: the ends of jobs and batches'))
      .option('--label <name=value>', 'only jobs and batches with this label; may be repeated', label)
      .option(
        '--url <url>',
        'the URL by which a server on another machine reaches --port, such as that of a tunnel',
        httpUrl,
      )
      .option(
        '--secret-file <file>',
        'a file with the secret of the endpoint (whsec_…); default: a generated one',
      )
      .option('--secret <secret>', 'only listen: verify what others send with this secret')
      .option('--json', 'print a JSON object a line, and errors too')
      .action(async (options: ListenOptions) => {
        // The verifying code takes a while to load, so that only this command loads it.
        const { listen } = await import('./listen.js');
        onExit(await listen(options, context));
      }),
    help.listen,
  );
}

const eventOption = (text: string) =>
  new Option('--event <event,…>', text).choices(webhookEventTypes).argParser(events);

/** Adds the settings of an endpoint, for create and update. */
const settings = (command: Command): Command => {
  command
    .addOption(eventOption('an event to send; may be repeated'))
    .option('--description <text>', 'the purpose of the endpoint')
    .option('--max-in-flight <count>', 'limit of concurrent requests', whole({ min: 1, max: 50 }))
    .optionsGroup('Format:');
  return formatOptions(command).optionsGroup('Options:');
};

const exampleWebhook = 'wh_01kb3v9x7q2m4n6p8r0s1t5w7y';
const exampleDelivery = 'dlv_4c1f0e9b2a7d4863b5d0c1e2f3a49687';

const help = {
  create: `
Examples:
  slipway webhooks create https://ci.example.com/hooks/slipway
  slipway webhooks create https://ci.example.com/hooks/slipway --event job.failed --label team=shop
  slipway webhooks create https://api.github.com --format github_commit_status --format-token github \\
    --event job.queued,job.started,job.succeeded,job.failed,job.canceled
`,
  update: `
Examples:
  slipway webhooks update ${exampleWebhook} --enable
  slipway webhooks update ${exampleWebhook} --event job.failed,batch.finished --no-label
`,
  listen: `
Examples:
  slipway webhooks listen
  slipway webhooks listen --forward http://127.0.0.1:3000/hook --event job.succeeded,job.failed
  slipway webhooks listen --port 9000 --url https://my-tunnel.example.com/
  slipway webhooks listen --port 9000 --secret "$(cat webhook-secret)"
`,
} as const;

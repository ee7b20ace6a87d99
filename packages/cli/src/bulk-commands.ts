// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts contain references to the environment
import { type Command, Option } from 'commander';
import {
  batchCancel,
  batchRetry,
  batchStatus,
  batchWatch,
  type ListBatchesOptions,
  listBatches,
  type RetryBatchOptions,
  type WatchBatchOptions,
} from './batch/commands.js';
import { batchFailures } from './batch/failures.js';
import { onFailure, priority } from './batch/options.js';
import { buildOptionFlags } from './build-options/options.js';
import { dockerfile } from './build-options/parse.js';
import { addCampaignCommands } from './campaigns/add-commands.js';
import type { CommandContext, CommonOptions } from './command-context.js';
import type { ExitCode } from './exit-codes.js';
import { type ListBasesOptions, listBases } from './functions/bases.js';
import { type ListFunctionsOptions, listFunctions, showFunction } from './functions/functions.js';
import { type RebuildOptions, rebuild } from './functions/rebuild.js';
import { label, packageArguments, repeated, waveSize, whole } from './parse.js';
import { noPull, templateStore } from './pull/options.js';
import { listTemplates, type PushTemplateOptions, pushTemplate } from './templates/templates.js';

interface BulkCommandsOptions {
  readonly program: Command;
  readonly context: CommandContext;
  readonly onExit: (code: ExitCode) => void;
  /** Adds the options of every command that calls the API, and examples to its help. */
  readonly talks: (command: Command, examples?: string) => Command;
}

/** Adds the commands for many functions at once. */
export function addBulkCommands({ program, context, onExit, talks }: BulkCommandsOptions): void {
  const { env } = context;
  const batch = program
    .command('batch')
    .summary('list, watch, repeat and cancel batches')
    .description('Batches: jobs that were submitted together.');
  talks(
    batch
      .command('list')
      .summary('show the latest batches')
      .description('Shows the latest batches, newest first.')
      .option('--limit <count>', 'how many', whole({ min: 1, max: 200 }), 20)
      .option('--json', 'print JSON, and errors too')
      .action(async (options: ListBatchesOptions) => onExit(await listBatches(options, context))),
    '\nExample:\n  slipway batch list --limit 5\n',
  );
  talks(
    batch
      .command('status')
      .summary('show a batch')
      .description('Shows the state of a batch, with its running, failed and canceled jobs.')
      .argument('<batch>', 'the id of a batch')
      .option('--json', 'print JSON, and errors too')
      .action(async (id: string, options: CommonOptions) => onExit(await batchStatus(id, options, context))),
    `\nExample:\n  slipway batch status ${exampleBatch}\n`,
  );
  talks(
    batch
      .command('failures')
      .summary('show why jobs of a batch failed')
      .description(
        'Shows the failures of a batch by cause, the most frequent first, and how to build the jobs of a cause again.',
      )
      .argument('<batch>', 'the id of a batch')
      .option('--json', 'print JSON, and errors too')
      .action(async (id: string, options: CommonOptions) =>
        onExit(await batchFailures(id, options, context)),
      ),
    `\nExample:\n  slipway batch failures ${exampleBatch}\n`,
  );
  talks(
    batch
      .command('watch')
      .summary('show a batch to its end')
      .description(
        'Shows a batch to its end, with the exit code of `publish`. Ctrl-C does not cancel the batch.',
      )
      .argument('<batch>', 'the id of a batch')
      .option('-q, --quiet', 'show only the result')
      .option('--json', 'print a JSON object a line, and errors too')
      .action(async (id: string, options: WatchBatchOptions) =>
        onExit(await batchWatch(id, options, context)),
      ),
    `\nExample:\n  slipway batch watch ${exampleBatch}\n`,
  );
  talks(
    batch
      .command('retry')
      .summary('build the failed jobs again')
      .description(
        'Submits the failed and canceled jobs of a batch again as a new batch, and shows it to its end.',
      )
      .argument('<batch>', 'the id of a batch')
      .addOption(new Option('--all', 'also the jobs that succeeded').conflicts('cause'))
      .option('--cause <cause>', 'only jobs that failed with this cause of `slipway batch failures`')
      .option('-d, --detach', 'print the id of the new batch and do not wait')
      .option('-q, --quiet', 'show only the result')
      .option('--json', 'print a JSON object a line, and errors too')
      .action(async (id: string, options: RetryBatchOptions) =>
        onExit(await batchRetry(id, options, context)),
      ),
    `\nExample:\n  slipway batch retry ${exampleBatch}\n`,
  );
  talks(
    batch
      .command('cancel')
      .summary('cancel a batch')
      .description('Cancels a batch: waiting jobs end immediately, running builds are stopped.')
      .argument('<batch>', 'the id of a batch')
      .option('--json', 'print the batch as JSON, and errors too')
      .action(async (id: string, options: CommonOptions) => onExit(await batchCancel(id, options, context))),
    `\nExample:\n  slipway batch cancel ${exampleBatch}\n`,
  );

  const functions = program
    .command('functions')
    .summary('show functions and their builds')
    .description(
      'Functions: Slipway keeps the spec of the last job of each function, and can build it again.',
    );
  talks(
    functions
      .command('list', { isDefault: true })
      .summary('show the functions (what `slipway functions` does)')
      .description('Shows the functions that match all filters, by name.')
      .option('--namespace <namespace>', 'only functions of this namespace')
      .option('--name <wildcard>', 'only functions whose name matches, e.g. "*-api"')
      .option('--template <name>', 'only functions built with this template')
      .option('--base-image <image>', 'only functions built from this image, e.g. node or node:22-alpine')
      .option('--label <name=value>', 'only functions with this label; may be repeated', label)
      .option('--json', 'print JSON, and errors too')
      .action(async (options: ListFunctionsOptions) => onExit(await listFunctions(options, context))),
    '\nExample:\n  slipway functions --base-image node:22-alpine\n',
  );
  talks(
    functions
      .command('show')
      .summary('show a function and its last jobs')
      .description('Shows the spec of a function, its last good image, and the results of its last jobs.')
      .argument('<function>', 'name, or namespace/name')
      .option('--json', 'print JSON, and errors too')
      .action(async (name: string, options: CommonOptions) =>
        onExit(await showFunction(name, options, context)),
      ),
    '\nExample:\n  slipway functions show dev/checkout\n',
  );

  talks(
    program
      .command('bases')
      .summary('show base images and the functions behind')
      .description(
        'Shows the base images of all functions: the newest digest that a build saw, since when, and how many functions were built with another one.',
      )
      .option('--base-image <image>', 'only this image, e.g. node or node:22-alpine')
      .option('--behind', 'only images with functions that are behind')
      .option('--json', 'print JSON, and errors too')
      .action(async (options: ListBasesOptions) => onExit(await listBases(options, context))),
    '\nExample:\n  slipway bases --behind\n',
  );

  addCampaignCommands({ program, context, onExit, talks });

  const again = program
    .command('rebuild')
    .summary('build known functions again, at once or in waves')
    .description(
      'Selects the functions that match all filters, and builds each again from its stored spec with the changes given here.\n' +
        'Then it continues as `publish` does. With --canary or --wave it starts a campaign, and prints its id.',
    )
    .argument('[functions...]', 'names, or namespace/name')
    .option('--base-image <image>', 'functions built from this image, e.g. node or node:22-alpine')
    .option('--behind', 'functions built from another digest of a base image than the newest known one')
    .option('--template <name>', 'functions built with this template')
    .option('--namespace <namespace>', 'functions of this namespace')
    .option('--name <wildcard>', 'functions whose name matches, e.g. "*-api"')
    .option('--label <name=value>', 'functions with this label; may be repeated', label)
    .option(
      '--image <reference>',
      'push to, with {registry}, {repository}, {tag}, {namespace}, {name} and the names of --value',
    )
    .option(
      '-t, --tag <reference>',
      'a further reference with the same placeholders, in the place of the tags of each function; may be repeated',
      repeated,
    )
    .option('--value <name=value>', 'a value for --image and --tag; may be repeated', label)
    .option(
      '--build-arg <name=value>',
      'a build argument that overrides those of each function; may be repeated',
      packageArguments(env),
    )
    .option('-f, --file <path>', 'the Dockerfile in the source of each function', dockerfile);
  buildOptionFlags(again)
    .option('--set-label <name=value>', 'a label of the batch and its jobs; may be repeated', label)
    .option('--same-template', 'use the template version that each function was built with, not the newest')
    .option('--parallel <count>', 'limit of concurrent builds', whole({ min: 1, max: 10_000 }))
    .option(
      '--skip-unchanged',
      'skip unchanged functions; off by default, because a base image may have changed under the same name',
    )
    .option('--canary <count>', 'build in waves: functions of the first wave', whole({ min: 1, max: 5_000 }))
    .option(
      '--wave <size>',
      'build in waves: functions of each wave, as a number or a share like 25%',
      waveSize,
    )
    .option(
      '--max-failures <count>',
      'pause when more jobs of a wave have failed; default: 0',
      whole({ min: 0, max: 5_000 }),
    )
    .option('--finish-by <time>', 'when the campaign should have ended, e.g. 2026-11-30T06:00:00Z')
    .option(
      '--only-changed',
      'of the jobs, the callback receives only images that differ from the ones before',
    )
    .addOption(onFailure())
    .addOption(priority('low'))
    .option(
      '--callback <url>',
      'the URL that receives the end of the batch, or of each wave and job, as a webhook',
    )
    .option('--dry-run', 'show the functions that would be built, with reasons')
    .option('-d, --detach', 'print the id of the batch and do not wait')
    .option('-q, --quiet', 'show only the result')
    .option('--json', 'print a JSON object a line, and errors too')
    .action(async (names: readonly string[], options: RebuildOptions) =>
      onExit(await rebuild(names, options, context)),
    );
  talks(again, rebuildExamples);

  const templates = program
    .command('templates')
    .summary('show and send templates')
    .description('Templates on the server. A build lays a handler over a template.');
  talks(
    templates
      .command('list', { isDefault: true })
      .summary('show the templates (what `slipway templates` does)')
      .description('Shows the templates of the server, by name.')
      .option('--json', 'print JSON, and errors too')
      .action(async (options: CommonOptions) => onExit(await listTemplates(options, context))),
    '\nExample:\n  slipway templates\n',
  );
  talks(
    templates
      .command('push')
      .summary('send a template folder')
      .description(
        'Sends a template in the layout of OpenFaaS. --rebuild builds the functions that use it again.\n' +
          'A template that ./template lacks is fetched first, as by `publish`.',
      )
      .argument('<folder>', 'the folder of one template, with its template.yml')
      .option('--name <name>', 'the name of the template; default: the name of the folder')
      .option('--rebuild', 'build the functions again that were built with other files of it')
      .option(
        '-f, --yaml <file>',
        'the stack file with the sources of templates; default: stack.yaml, else stack.yml',
      )
      .option('--no-envsubst', 'do not replace ${VAR} in the stack file')
      .addOption(noPull())
      .addOption(templateStore())
      .option('-d, --detach', 'do not wait for the builds')
      .option('-q, --quiet', 'show only the result')
      .option('--json', 'print a JSON object a line, and errors too')
      .action(async (folder: string, options: PushTemplateOptions) =>
        onExit(await pushTemplate(folder, options, context)),
      ),
    '\nExample:\n  slipway templates push ./template/node --rebuild\n',
  );
}

const exampleBatch = 'batch_01kb3v9x7q2m4n6p8r0s1t5w7y';

const rebuildExamples = `
Examples:
  slipway rebuild --base-image node:22-alpine --dry-run
  slipway rebuild --base-image node:22-alpine --pull
  slipway rebuild --behind --canary 5 --wave 25% --max-failures 1
  slipway rebuild dev/checkout dev/cart --build-arg VERSION=1.3
  slipway rebuild --template node --image "{registry}/{repository}:{release}" --value release=2026-11
  slipway rebuild --namespace dev --tag "{registry}/{repository}:{release}" --value release=2026-11
`;

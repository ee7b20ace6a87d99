// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts contain references to the environment
import { type Command, Option } from 'commander';
import { onFailure, priority } from '../batch/options.js';
import { buildOptionFlags } from '../build-options/options.js';
import { dockerfile, extraTag, imageLabel } from '../build-options/parse.js';
import type { CommandContext } from '../command-context.js';
import type { ExitCode } from '../exit-codes.js';
import { label, packageArguments, platforms, repeated, seconds, truth, whole } from '../parse.js';
import { noPull, templateStore } from '../pull/options.js';
import { tagModes } from '../stack/image-name.js';
import { vcsOptions } from '../vcs/options.js';
import type { PublishOptions } from './publish.js';

interface PublishCommandOptions {
  readonly program: Command;
  readonly context: CommandContext;
  readonly onExit: (code: ExitCode) => void;
  /** Adds the options of every command that calls the API, and examples to its help. */
  readonly talks: (command: Command, examples?: string) => Command;
}

/** Adds the command that builds the functions of a stack.yaml. */
export function addPublishCommand({ program, context, onExit, talks }: PublishCommandOptions): void {
  const command = program
    .command('publish')
    .summary('build the functions of a stack.yaml as one batch')
    .description(
      'Reads an OpenFaaS stack.yaml as faas-cli does, lays handlers over the templates of ./template, fetches missing\n' +
        'templates, uploads the sources that the server lacks, submits one batch and shows it to its end. Exits with 0\n' +
        'only if every function was built.\n\n' +
        'Ctrl-C cancels the batch; a second one leaves without waiting for its end.',
    )
    .option('-f, --yaml <file>', 'the stack file; default: stack.yaml, else stack.yml')
    .option('--filter <wildcard>', 'only functions whose name matches, e.g. "*-api"')
    .option('--regex <pattern>', 'only functions whose name matches this regular expression')
    .option(
      '--parallel <count>',
      'limit of concurrent builds; default: the capacity of the fleet',
      whole({ min: 1, max: 10_000 }),
    )
    .option('--skip-unchanged', 'skip functions whose image was last built from the same inputs')
    .option('--force', 'always build, and do not share the build of an identical job')
    .addOption(onFailure())
    .addOption(
      new Option('--tag <mode>', 'how images are tagged, as with faas-cli')
        .choices(tagModes)
        .default('latest'),
    )
    .option(
      '--extra-tag <tag>',
      'a further tag that each image is pushed under, as with faas-cli; may be repeated',
      extraTag,
    )
    .option(
      '-b, --build-arg <name=value>',
      'a build argument for all; may be repeated',
      packageArguments(context.env),
    )
    .option('-o, --build-option <name>', 'a build option of the templates; may be repeated', repeated)
    .option('--copy-extra <path>', 'a file or folder to copy beside every handler; may be repeated', repeated)
    .option('--platforms <os/arch,…>', 'the platforms, in the place of those of the functions', platforms)
    .addOption(noPull())
    .addOption(templateStore())
    .option('--envsubst [true|false]', 'replace ${VAR} in the file', truth, true)
    .option('--no-envsubst', 'do not replace ${VAR}')
    .option('--dockerfile <path>', 'the Dockerfile in each build context; default: Dockerfile', dockerfile);
  buildOptionFlags(command)
    .option('--build-label <name=value>', 'the same as --image-label, as faas-cli spells it', imageLabel)
    .option('--no-push', 'build without pushing')
    .addOption(priority('normal'))
    .option(
      '--label <name=value>',
      'a label of the batch and its jobs, not one of the images; may be repeated',
      label,
    )
    .option('--timeout <time>', 'how long one attempt of a job may take, e.g. 90s, 10m', seconds)
    .option(
      '--callback <url>',
      'the URL that receives the end of the batch as a webhook, signed with SLIPWAY_CALLBACK_SECRET',
    );
  vcsOptions(command)
    .option('--dry-run', 'show what would be uploaded and built')
    .option('-d, --detach', 'print the id of the batch and do not wait')
    .option('-q, --quiet', 'show only the result')
    .option('--json', 'print a JSON object a line, and errors too')
    .action(async (options: PublishOptions) => {
      // The digest code takes a while to load, so that only this command loads it.
      const { publish } = await import('./publish.js');
      onExit(await publish(options, context));
    });
  talks(command, examples);
}

const examples = `
Examples:
  slipway publish
  slipway publish -f stack.yaml --skip-unchanged --filter "*-api"
  slipway publish --tag sha --extra-tag edge --build-option dev --on-failure stop --parallel 8
  slipway publish --no-cache --pull --image-label org.opencontainers.image.vendor=acme
  slipway publish --dry-run
  slipway batch watch "$(slipway publish --detach)"
`;

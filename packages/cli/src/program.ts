import { createRequire } from 'node:module';
import { engineNames, jobStates } from '@slipway/shared/contracts';
import { Argument, Command, Option } from 'commander';
import { addAuditCommand } from './audit/add-commands.js';
import { addBlobsCommands } from './blobs/add-commands.js';
import { addBuildCommand } from './build/add-command.js';
import { addBulkCommands } from './bulk-commands.js';
import type { CommandContext, CommonOptions } from './command-context.js';
import { completionScript, type Shell, shells } from './completion/script.js';
import { completionTree } from './completion/tree.js';
import { type DemoOptions, demo } from './demo/demo.js';
import { type ExitCode, exitCodes, exitCodesHelp } from './exit-codes.js';
import { builders, steer } from './fleet/builders.js';
import { holdQueue, queue, type ReleaseOptions, releaseQueue } from './fleet/queue.js';
import { cancel } from './jobs/cancel.js';
import { type LogsOptions, logs } from './jobs/logs.js';
import { type StatusOptions, status } from './jobs/status.js';
import { label, whole } from './parse.js';
import { addPublishCommand } from './publish/add-command.js';
import { addSecretsCommands } from './secrets/add-commands.js';
import { addTenantCommands } from './tenants/add-commands.js';
import { type UpOptions, up } from './up/up.js';
import { addWebhookCommands } from './webhooks/add-commands.js';

interface ProgramOptions {
  readonly context: CommandContext;
  /** Called with the exit code of the command. */
  readonly onExit: (code: ExitCode) => void;
}

const port = () => whole({ min: 1, max: 65_535 });

/** Returns the command line with its commands, options and help. */
export function createProgram({ context, onExit }: ProgramOptions): Command {
  const { terminal } = context;
  const { version } = createRequire(import.meta.url)('../package.json') as { version: string };
  const program = new Command('slipway')
    .description(
      'Builds container images of functions through a queue, on a fleet of Function Builder replicas.',
    )
    .version(version)
    .exitOverride()
    .showHelpAfterError('(see --help)')
    .configureOutput({
      writeOut: (text) => terminal.out.write(text),
      writeErr: (text) => terminal.err.write(text),
      getOutHelpWidth: () => Math.min(terminal.out.columns, 110),
      getErrHelpWidth: () => Math.min(terminal.err.columns, 110),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .addHelpText('after', help.program);
  /** Adds the options of every command that calls the API. Its help ends with how to reach the server. */
  const talks = (command: Command, examples = '') =>
    command
      .optionsGroup('Server:')
      .option('--server <url>', 'the address of the API; default: SLIPWAY_URL, else the local `slipway up`')
      .option(
        '--token <token>',
        'the API token; default: SLIPWAY_TOKEN, which is safer, because other users can see command lines',
      )
      .addHelpText('after', `${examples}${exitCodesHelp}`);

  addBuildCommand({ program, context, onExit, talks });
  addPublishCommand({ program, context, onExit, talks });
  addBulkCommands({ program, context, onExit, talks });
  addWebhookCommands({ program, context, onExit, talks });
  addSecretsCommands({ program, context, onExit, talks });
  addAuditCommand({ program, context, onExit, talks });
  addTenantCommands({ program, context, onExit, talks });
  addBlobsCommands({ program, context, onExit });

  talks(
    program
      .command('status')
      .summary('show the latest jobs, or one')
      .description('Shows the latest jobs, or one job with its image, attempts and error.')
      .argument('[job]', 'the id of a job')
      .addOption(new Option('--state <state>', 'only jobs in this state').choices([...jobStates]))
      .option('--function <[namespace/]name>', 'only jobs for this function')
      .option('--image <reference>', 'only jobs for the repository of this image')
      .option('--batch <id>', 'only jobs of this batch')
      .option('--label <name=value>', 'only jobs with this label; may be repeated', label)
      .option('--limit <count>', 'how many', whole({ min: 1, max: 200 }), 20)
      .option('--json', 'print JSON, and errors too')
      .action(async (id: string | undefined, options: StatusOptions) =>
        onExit(await status(id, options, context)),
      ),
  );

  talks(
    program
      .command('logs')
      .summary('show the log of a job')
      .description('Prints the log of a job up to now, with all its attempts.')
      .argument('<job>', 'the id of a job')
      .option('-f, --follow', 'follow the log until the job has ended')
      .option('--json', 'print a JSON object a line, and errors too')
      .action(async (id: string, options: LogsOptions) => onExit(await logs(id, options, context))),
  );

  talks(
    program
      .command('cancel')
      .summary('cancel a job')
      .description('Cancels a job: a waiting job ends immediately, a running build is stopped.')
      .argument('<job>', 'the id of a job')
      .option('--json', 'print the job as JSON, and errors too')
      .action(async (id: string, options: CommonOptions) => onExit(await cancel(id, options, context))),
  );

  talks(
    program
      .command('builders')
      .summary('show the builder replicas')
      .description('Shows each replica: health, builds in flight and their limit, circuit, and totals.')
      .option('--json', 'print JSON, and errors too')
      .action(async (options: CommonOptions) => onExit(await builders(options, context))),
  );

  for (const verb of ['drain', 'resume'] as const) {
    talks(
      program
        .command(verb)
        .summary(
          verb === 'drain' ? 'send no more builds to a builder' : 'send builds to a drained builder again',
        )
        .description(
          verb === 'drain'
            ? 'Lets a builder finish its builds, and sends it no more until `resume`.'
            : 'Sends builds to a drained builder again.',
        )
        .argument('<builder>', 'the id of a builder, as `builders` shows it')
        .option('--json', 'print the builder as JSON, and errors too')
        .action(async (id: string, options: CommonOptions) =>
          onExit(await steer({ id, verb }, options, context)),
        ),
    );
  }

  talks(
    program
      .command('queue')
      .summary('show the queue')
      .description(
        'Shows how many jobs wait and run, the oldest wait, and the estimated time until the queue is empty.',
      )
      .option('--json', 'print JSON, and errors too')
      .action(async (options: CommonOptions) => onExit(await queue(options, context))),
  );
  talks(
    program
      .command('hold')
      .summary('start no more jobs')
      .description(
        'Starts no more jobs until `slipway release`. Running builds finish. Needs the scope admin.',
      )
      .action(async (options: CommonOptions) => onExit(await holdQueue(options, context))),
  );
  talks(
    program
      .command('release')
      .summary('start held jobs again, or cancel the jobs of a backup')
      .description(
        'Starts jobs again after a hold. Workers hold all jobs when a backup of Redis was restored. Needs the scope admin.',
      )
      .option('--run', 'build the held jobs')
      .option('--cancel', 'cancel the jobs that may have run since the backup, or that an operator held')
      .option('--json', 'print JSON, and errors too')
      .action(async (options: ReleaseOptions) => onExit(await releaseQueue(options, context))),
  );

  program
    .command('up')
    .summary('run a whole Slipway on this machine')
    .description(
      'Runs Redis, a registry, builder replicas, the API and workers until Ctrl-C. Only this machine can reach them.\n\n' +
        'One folder keeps data, secrets, logs and ports for the next run.',
    )
    .option('--data <folder>', 'the data folder; default: SLIPWAY_DATA, else ~/.local/share/slipway')
    .option(
      '--port <port>',
      'the port of the API; default: the port of the last run, else a free one',
      port(),
    )
    .option('--registry-port <port>', 'the port of the registry; default: likewise', port())
    .addOption(
      new Option('--engine <engine>', 'default: BuildKit where it can be started').choices(engineNames),
    )
    .option('--builders <count>', 'builder replicas', whole({ min: 1, max: 16 }), 2)
    .option('--slots <count>', 'concurrent builds on each', whole({ min: 1, max: 64 }), 2)
    .option('--workers <count>', 'workers', whole({ min: 1, max: 16 }), 2)
    .option('--json', 'print one line of JSON once it is up')
    .addHelpText('after', exitCodesHelp)
    .action(async (options: UpOptions) => onExit(await up(options, context)));

  program
    .command('demo')
    .summary('try a temporary Slipway that builds six functions')
    .description(
      'Starts a Slipway in a temporary folder, builds the six functions of examples/ as one list (one fails on purpose),\n' +
        'runs one of the images, shows the received webhooks, and removes everything again.',
    )
    .addOption(
      new Option('--engine <engine>', 'default: BuildKit where it can be started').choices(engineNames),
    )
    .addHelpText('after', exitCodesHelp)
    .action(async (options: DemoOptions) => onExit(await demo(options, context)));

  program
    .command('completion')
    .summary('print a script that completes this command line')
    .description('Prints a script for bash or zsh that completes the commands and options of slipway.')
    .addArgument(new Argument('<shell>', 'the shell that you use').choices(shells))
    .addHelpText('after', help.completion)
    .action((shell: Shell) => {
      terminal.out.write(completionScript(shell, completionTree(program)));
      onExit(exitCodes.ok);
    });

  return program;
}

const help = {
  program: `
Getting started:
  slipway up                                           a whole Slipway on this machine, until Ctrl-C
  slipway build ./hello --image 127.0.0.1:5000/hello:1 build a folder (up says which registry)
  slipway publish -f stack.yaml                        build all functions of an OpenFaaS stack file
  slipway status                                       the latest jobs
  slipway webhooks listen                              receive webhooks on this machine

Commands find the Slipway that runs on this machine. For another one set
  SLIPWAY_URL     the address of its API, e.g. https://slipway.example.com
  SLIPWAY_TOKEN   its API token
Also read: SLIPWAY_DATA (the data folder of up), NO_COLOR, FORCE_COLOR.
${exitCodesHelp}`,
  completion: `
Examples:
  source <(slipway completion bash)      in ~/.bashrc
  source <(slipway completion zsh)       in ~/.zshrc, after compinit
${exitCodesHelp}`,
} as const;

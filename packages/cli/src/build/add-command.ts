import type { Command } from 'commander';
import { buildOptionFlags } from '../build-options/options.js';
import { tag } from '../build-options/parse.js';
import type { CommandContext } from '../command-context.js';
import type { ExitCode } from '../exit-codes.js';
import { buildArgument, label, platforms, seconds } from '../parse.js';
import { vcsOptions } from '../vcs/options.js';
import { type BuildOptions, build } from './build.js';

interface BuildCommandOptions {
  readonly program: Command;
  readonly context: CommandContext;
  readonly onExit: (code: ExitCode) => void;
  /** Adds the options of every command that calls the API, and examples to its help. */
  readonly talks: (command: Command, examples?: string) => Command;
}

/** Adds the command that builds a folder. */
export function addBuildCommand({ program, context, onExit, talks }: BuildCommandOptions): void {
  const command = program
    .command('build')
    .summary('build a folder and show its log')
    .description(
      'Packs a folder that holds a Dockerfile, submits it as a job, shows the log, and prints the image with its digest.\n\n' +
        'The files that .dockerignore names are left out, and links are never followed. Standard output gets only the image.\n' +
        'Ctrl-C cancels the job; a second one leaves without waiting for its end.',
    )
    .argument('<folder>', 'the build context')
    .option('--image <reference>', 'the name of the image, with the registry it is pushed to')
    .option(
      '-t, --tag <reference>',
      'a further reference to push the image to; may be repeated. Without --image, the first one is the image',
      tag,
    )
    .option(
      '-f, --file <path>',
      'the Dockerfile in the folder, relative to the working directory. Default: the Dockerfile at the top of the folder',
    )
    .option('--build-arg <name=value>', 'a build argument; may be repeated', buildArgument(context.env))
    .option('--platform <os/arch,…>', 'the platforms to build for; may be repeated', platforms);
  buildOptionFlags(command)
    .option('--no-push', 'build without pushing')
    .option(
      '--secret <name=file>',
      'a file for `RUN --mount=type=secret,id=name`, sealed for the builders before it is sent; may be repeated',
      label,
    )
    .option('--sbom', 'push a bill of materials beside the image')
    .option('--provenance', 'push provenance beside the image')
    .option('--function <[namespace/]name>', 'the function that the image is for')
    .option(
      '--label <name=value>',
      'a label to find the job by, not one of the image; may be repeated',
      label,
    )
    .option('--timeout <time>', 'how long one attempt may take, e.g. 90s, 10m', seconds)
    .option(
      '--callback <url>',
      'the URL that receives the end of the job as a webhook, signed with SLIPWAY_CALLBACK_SECRET (whsec_…) or else the key of the installation',
    );
  vcsOptions(command)
    .option('-d, --detach', 'print the id of the job and do not wait')
    .option('-q, --quiet', 'print only the image, and for a failed build the end of its log')
    .option('--json', 'print the job as JSON once it has ended, and errors too')
    .action(async (folder: string, options: BuildOptions) => onExit(await build(folder, options, context)));
  talks(command, examples);
}

const examples = `
Examples:
  slipway build . --image registry.example.com/team/hello:1.2
  slipway build . --image registry.example.com/team/hello:1.2 --build-arg VERSION=1.2 --function dev/hello
  slipway build . -t registry.example.com/team/hello:1.2 -t registry.example.com/team/hello:latest
  slipway build . -t registry.example.com/team/hello:dev -f docker/dev.Dockerfile --target dev --no-cache
  IMAGE=$(slipway build --quiet . --image registry.example.com/team/hello:1.2) && deploy "$IMAGE"
  slipway build --detach . --image registry.example.com/team/hello:1.2 --callback https://ci.example.com/hook
`;

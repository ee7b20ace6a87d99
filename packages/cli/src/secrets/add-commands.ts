import type { Command } from 'commander';
import type { CommandContext } from '../command-context.js';
import type { ExitCode } from '../exit-codes.js';
import { label } from '../parse.js';
import type { KeygenOptions, SealCommandOptions, UnsealOptions } from './commands.js';
import type { SecretFiles } from './seal-files.js';

interface SecretsCommandsOptions {
  readonly program: Command;
  readonly context: CommandContext;
  readonly onExit: (code: ExitCode) => void;
  readonly talks: (command: Command, examples?: string) => Command;
}

const load = () => import('./commands.js');
const pairs = (texts: readonly string[]) =>
  texts.reduce<SecretFiles>((before, text) => label(text, before), {});

/** Adds the commands for sealed build secrets. The sealing code takes a while to load, so that only these commands load it. */
export function addSecretsCommands({ program, context, onExit, talks }: SecretsCommandsOptions): void {
  const secrets = program
    .command('secrets')
    .summary('seal build secrets')
    .description('Seals build secrets.');
  secrets
    .command('keygen')
    .summary('create a key pair for the builders')
    .description(
      'Creates a key pair. Only builders with the private key can open secrets sealed with the public key.\n' +
        'The private key is written to a file that only you can read, the public key beside it.',
    )
    .option('-o, --output <file>', 'the file of the private key', 'build-secrets-key')
    .option('--json', 'print JSON, and errors too')
    .addHelpText('after', '\nExample:\n  slipway secrets keygen --output build-secrets-key\n')
    .action(async (options: KeygenOptions) => onExit(await (await load()).keygen(options, context)));
  talks(
    secrets
      .command('seal')
      .summary('seal files')
      .description(
        'Seals files into a `com.openfaas.secrets`, for the builders of the server or the holder of a key.\n' +
          '`build --secret` and the build_secrets of a stack.yaml do this automatically.',
      )
      .argument('<name=file...>', 'names of secrets, each with the file that holds it')
      .option('--key <file>', 'the public key; default: that of the server')
      .option('-o, --output <file>', 'where the sealed file is written; default: standard output'),
    '\nExample:\n  slipway secrets seal npmrc=./.npmrc --output com.openfaas.secrets\n',
  ).action(async (files: string[], options: SealCommandOptions) =>
    onExit(await (await load()).seal(pairs(files), options, context)),
  );
  secrets
    .command('unseal')
    .summary('open a sealed file')
    .description('Opens a sealed file with the private key, and lists its secrets.')
    .argument('<file>', 'a sealed file')
    .requiredOption('--key <file>', 'the private key')
    .option('--show', 'print the secrets themselves, too')
    .option('--json', 'print a JSON object a line, and errors too')
    .addHelpText(
      'after',
      '\nExample:\n  slipway secrets unseal com.openfaas.secrets --key build-secrets-key\n',
    )
    .action(async (file: string, options: UnsealOptions) =>
      onExit(await (await load()).unseal(file, options, context)),
    );
}

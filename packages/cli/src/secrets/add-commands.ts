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

/** The commands for sealed build secrets. What seals takes a while to load, which the other commands need not wait for. */
export function addSecretsCommands({ program, context, onExit, talks }: SecretsCommandsOptions): void {
  const secrets = program
    .command('secrets')
    .summary('seal build secrets')
    .description('Seals build secrets.');
  secrets
    .command('keygen')
    .summary('make a key pair for the builders')
    .description(
      'Makes a key pair: what is sealed with the public key, only builders that have the private key can open.\n' +
        'The private key is written to a file that only you may read, the public one beside it.',
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
          '`build --secret` and the build_secrets of a stack.yaml do this by themselves.',
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
    .description('Says which secrets a sealed file holds, once the private key has opened them.')
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

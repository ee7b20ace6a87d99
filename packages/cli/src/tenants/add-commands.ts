import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CommandContext, CommonOptions } from '../command-context.js';
import { type ExitCode, exitCodesHelp } from '../exit-codes.js';
import { list, whole } from '../parse.js';
import { createPayloadSecret, deletePayloadSecret, listPayloadSecrets } from './payload-secrets.js';
import { deleteTenant, listTenants, type SetTenantOptions, setTenant, showTenant } from './tenants.js';
import {
  type CreateTokenOptions,
  createToken,
  generateToken,
  type ListTokensOptions,
  listTokens,
  revokeToken,
} from './tokens.js';
import { whoami } from './whoami.js';

interface TenantCommandsOptions {
  readonly program: Command;
  readonly context: CommandContext;
  readonly onExit: (code: ExitCode) => void;
  /** Adds what every command that talks to a server takes, and examples to its help. */
  readonly talks: (command: Command, examples?: string) => Command;
}

const json = ['--json', 'print JSON, and errors too'] as const;
const exampleToken = 'tok_01kb3v9x7q2m4n6p8r0s1t5w7y';
const exampleSecret = 'pay_01kb3v9x7q2m4n6p8r0s1t5w7y';

/** The commands for who may do what. */
export function addTenantCommands({ program, context, onExit, talks }: TenantCommandsOptions): void {
  talks(
    program
      .command('whoami')
      .summary('show whose token this is')
      .description(
        'Shows which tenant the token belongs to, what it may be used for, and what the tenant takes.',
      )
      .option(...json)
      .action(async (options: CommonOptions) => onExit(await whoami(options, context))),
    '\nExample:\n  slipway whoami\n',
  );

  const tokens = program
    .command('tokens')
    .summary('make, list and revoke API tokens')
    .description('API tokens. Each belongs to a tenant, and may be used for what its scopes say.');
  talks(
    tokens
      .command('create')
      .summary('make a token and print it, this once')
      .description(
        'Makes a token and prints it; it is not shown again. A token can grant what it may be used for itself:\n' +
          'jobs:read, jobs:write, templates:write, webhooks:read, webhooks:write, builders:read, builders:admin, tokens:admin,\n' +
          'and admin, for all of it and every tenant.',
      )
      .requiredOption('--scope <scope,…>', 'what it may be used for; may be repeated', list)
      .requiredOption('--description <text>', 'what it is for, so that others know when to revoke it')
      .option('--tenant <name>', 'whose it is; default: that of the own token, others need admin')
      .option('--expires <days>', 'when it ends, e.g. 90d; default: never', days)
      .option(...json)
      .action(async (options: CreateTokenOptions) => onExit(await createToken(options, context))),
    `
Examples:
  slipway tokens create --scope jobs:write --description "CI of team-a" --expires 90d
  slipway tokens create --tenant team-a --scope jobs:write,tokens:admin --description "for Ada"
`,
  );
  talks(
    tokens
      .command('list')
      .summary('show the tokens of a tenant')
      .description(
        'Shows the tokens of a tenant: what they are for and when they were used, not what they are.',
      )
      .option('--tenant <name>', 'default: that of the own token, others need admin')
      .option(...json)
      .action(async (options: ListTokensOptions) => onExit(await listTokens(options, context))),
    '\nExample:\n  slipway tokens list --tenant team-a\n',
  );
  talks(
    tokens
      .command('revoke')
      .summary('revoke a token')
      .description('Makes a token useless at once. Tokens that were made with it stay.')
      .argument('<token>', 'the id of a token, as `tokens list` shows it')
      .option(...json)
      .action(async (id: string, options: CommonOptions) => onExit(await revokeToken(id, options, context))),
    `\nExample:\n  slipway tokens revoke ${exampleToken}\n`,
  );
  tokens
    .command('generate')
    .summary('make a token for a tenants file')
    .description(
      'Prints a token, and on standard error its SHA-256 for the tenants file. No server is asked.',
    )
    .option('--json', 'print JSON')
    .addHelpText('after', `\nExample:\n  slipway tokens generate > token\n${exitCodesHelp}`)
    .action((options: { json?: boolean }) => onExit(generateToken(options, context)));

  const tenants = program
    .command('tenants')
    .summary('say who may do what (admin)')
    .description(
      'Tenants: who uses the server, how much of it, and where each may push to. Needs a token with admin.',
    );
  talks(
    tenants
      .command('list', { isDefault: true })
      .summary('show the tenants (what `slipway tenants` does)')
      .description('Shows the tenants, by name, with what they take now.')
      .option(...json)
      .action(async (options: CommonOptions) => onExit(await listTenants(options, context))),
    '\nExample:\n  slipway tenants\n',
  );
  talks(
    tenants
      .command('show')
      .summary('show a tenant')
      .description('Shows what a tenant may do and take, and what it takes now.')
      .argument('<tenant>', 'its name')
      .option(...json)
      .action(async (name: string, options: CommonOptions) =>
        onExit(await showTenant(name, options, context)),
      ),
    '\nExample:\n  slipway tenants show team-a\n',
  );
  talks(
    tenants
      .command('set')
      .summary('make a tenant, or change it')
      .description(
        'Makes a tenant, or changes what is said here; the rest stays as it is. A limit of `none` is no limit.',
      )
      .argument('<tenant>', 'its name')
      .option(
        '--image <place,…>',
        'where it may push to: registry.example.com/team/, a repository or *; may be repeated',
        list,
      )
      .option('--pool <pool,…>', 'where its jobs may be built, `any` for all; may be repeated', list)
      .option('--weight <number>', 'its share of the fleet against other tenants', weight)
      .addOption(new Option('--highest-priority <class>', 'of its jobs').choices(['high', 'normal', 'low']))
      .option('--proxy-arguments', 'its jobs may give HTTP_PROXY and the like as build arguments')
      .option('--no-proxy-arguments', 'its jobs may not give them, as is the default')
      .option('--queued-jobs <count>', 'jobs that may wait at once', limit(0))
      .option('--running-jobs <count>', 'jobs that may be built at once', limit(1))
      .option('--source-bytes <bytes>', 'of all its stored sources together', limit(0))
      .option('--stored-bytes <bytes>', 'of all its records together', limit(0))
      .option('--requests-per-minute <count>', 'requests to the API', limit(1))
      .option('--file <file>', 'all of it from a file, YAML or JSON, in the place of what was said before')
      .option(...json)
      .action(async (name: string, options: SetTenantOptions) =>
        onExit(await setTenant(name, options, context)),
      ),
    `
Examples:
  slipway tenants set team-a --image registry.example.com/team-a/ --running-jobs 8 --queued-jobs 1000
  slipway tenants set team-a --running-jobs none
  slipway tenants set team-a --file team-a.yaml
`,
  );
  talks(
    tenants
      .command('delete')
      .summary('remove a tenant')
      .description(
        'Removes a tenant with its tokens, payload secrets and webhook endpoints. Its jobs stay, and those that wait are built.',
      )
      .argument('<tenant>', 'its name')
      .option(...json)
      .action(async (name: string, options: CommonOptions) =>
        onExit(await deleteTenant(name, options, context)),
      ),
    '\nExample:\n  slipway tenants delete team-a\n',
  );
  const secrets = tenants
    .command('payload-secrets')
    .summary('what payloads of POST /build are signed with')
    .description('Payload secrets: what is signed with one and sent to POST /build is a job of its tenant.');
  talks(
    secrets
      .command('create')
      .summary('make a payload secret and print it, this once')
      .description('Makes a payload secret and prints it; it is not shown again.')
      .argument('<tenant>', 'whose it is')
      .option(...json)
      .action(async (name: string, options: CommonOptions) =>
        onExit(await createPayloadSecret(name, options, context)),
      ),
    '\nExample:\n  slipway tenants payload-secrets create team-a > payload-secret\n',
  );
  talks(
    secrets
      .command('list')
      .summary('show the payload secrets of a tenant')
      .description('Shows which payload secrets a tenant has, not what they are.')
      .argument('<tenant>', 'whose they are')
      .option(...json)
      .action(async (name: string, options: CommonOptions) =>
        onExit(await listPayloadSecrets(name, options, context)),
      ),
    '\nExample:\n  slipway tenants payload-secrets list team-a\n',
  );
  talks(
    secrets
      .command('delete')
      .summary('remove a payload secret')
      .description('Refuses what is signed with it from now on.')
      .argument('<tenant>', 'whose it is')
      .argument('<id>', 'its id, as `list` shows it')
      .option(...json)
      .action(async (name: string, id: string, options: CommonOptions) =>
        onExit(await deletePayloadSecret({ name, id }, options, context)),
      ),
    `\nExample:\n  slipway tenants payload-secrets delete team-a ${exampleSecret}\n`,
  );
}

function days(text: string): number {
  const [, count] = /^(\d{1,4})d?$/.exec(text) ?? [];
  if (count === undefined || Number(count) === 0)
    throw new InvalidArgumentError('It must be days, such as 90d.');
  return Number(count);
}

function weight(text: string): number {
  const value = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value > 0) return value;
  throw new InvalidArgumentError('It must be a number above 0.');
}

const limit =
  (min: number) =>
  (text: string): number | 'none' =>
    text === 'none' ? text : whole({ min, max: Number.MAX_SAFE_INTEGER })(text);

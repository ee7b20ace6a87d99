import { priorityClasses } from '@slipway/shared/contracts';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CommandContext, CommonOptions } from '../command-context.js';
import { type ExitCode, exitCodesHelp } from '../exit-codes.js';
import { list, whole } from '../parse.js';
import { createPayloadSecret, deletePayloadSecret, listPayloadSecrets } from './payload-secrets.js';
import {
  deleteTenant,
  listTenants,
  type SetTenantOptions,
  setTenant,
  showTenant,
  whoami,
} from './tenants.js';
import {
  type CreateTokenOptions,
  createToken,
  generateToken,
  type ListTokensOptions,
  listTokens,
  revokeToken,
} from './tokens.js';

interface TenantCommandsOptions {
  readonly program: Command;
  readonly context: CommandContext;
  readonly onExit: (code: ExitCode) => void;
  /** Adds the options of every command that calls the API, and examples to its help. */
  readonly talks: (command: Command, examples?: string) => Command;
}

const json = ['--json', 'print JSON, and errors too'] as const;
const exampleToken = 'tok_01kb3v9x7q2m4n6p8r0s1t5w7y';
const exampleSecret = 'pay_01kb3v9x7q2m4n6p8r0s1t5w7y';

/** Adds the commands for tenants and tokens. */
export function addTenantCommands({ program, context, onExit, talks }: TenantCommandsOptions): void {
  talks(
    program
      .command('whoami')
      .summary('show the tenant of the token')
      .description('Shows the tenant and the scopes of the token, and the usage of the tenant.')
      .option(...json)
      .action(async (options: CommonOptions) => onExit(await whoami(options, context))),
    '\nExample:\n  slipway whoami\n',
  );

  const tokens = program
    .command('tokens')
    .summary('create, list and revoke API tokens')
    .description('API tokens. Each belongs to a tenant, and its scopes limit its use.');
  talks(
    tokens
      .command('create')
      .summary('create a token and print it once')
      .description(
        'Creates a token and prints it; it is not shown again. A token can only grant scopes that it has itself:\n' +
          'jobs:read, jobs:write, templates:write, webhooks:read, webhooks:write, builders:read, builders:admin, tokens:admin,\n' +
          'and admin, for all scopes and every tenant.',
      )
      .requiredOption('--scope <scope,…>', 'a scope of the token; may be repeated', list)
      .requiredOption(
        '--description <text>',
        'the purpose of the token, so that others know when to revoke it',
      )
      .option('--tenant <name>', 'the tenant of the token; default: your own tenant, others need admin')
      .option('--expires <days>', 'the lifetime of the token, e.g. 90d; default: unlimited', days)
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
      .description('Shows the tokens of a tenant with purpose and last use, without the tokens themselves.')
      .option('--tenant <name>', 'the tenant; default: your own tenant, others need admin')
      .option(...json)
      .action(async (options: ListTokensOptions) => onExit(await listTokens(options, context))),
    '\nExample:\n  slipway tokens list --tenant team-a\n',
  );
  talks(
    tokens
      .command('revoke')
      .summary('revoke a token')
      .description('Revokes a token immediately. Tokens that were created with it stay valid.')
      .argument('<token>', 'the id of a token, as `tokens list` shows it')
      .option(...json)
      .action(async (id: string, options: CommonOptions) => onExit(await revokeToken(id, options, context))),
    `\nExample:\n  slipway tokens revoke ${exampleToken}\n`,
  );
  tokens
    .command('generate')
    .summary('create a token for a tenants file')
    .description(
      'Prints a token, and on standard error its SHA-256 for the tenants file. No server is called.',
    )
    .option('--json', 'print JSON')
    .addHelpText('after', `\nExample:\n  slipway tokens generate > token\n${exitCodesHelp}`)
    .action((options: { json?: boolean }) => onExit(generateToken(options, context)));

  const tenants = program
    .command('tenants')
    .summary('manage tenants (admin)')
    .description(
      'Tenants: the users of the server, with their limits and the images they may push. Needs a token with admin.',
    );
  talks(
    tenants
      .command('list', { isDefault: true })
      .summary('show the tenants (what `slipway tenants` does)')
      .description('Shows the tenants with their usage, by name.')
      .option(...json)
      .action(async (options: CommonOptions) => onExit(await listTenants(options, context))),
    '\nExample:\n  slipway tenants\n',
  );
  talks(
    tenants
      .command('show')
      .summary('show a tenant')
      .description('Shows the settings, limits and usage of a tenant.')
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
      .summary('create or change a tenant')
      .description(
        'Creates a tenant, or changes the given settings; the others stay. `none` removes a limit.',
      )
      .argument('<tenant>', 'its name')
      .option(
        '--image <place,…>',
        'where it may push to: registry.example.com/team/, a repository or *; may be repeated',
        list,
      )
      .option('--pool <pool,…>', 'where its jobs may be built, `any` for all; may be repeated', list)
      .option('--weight <number>', 'its share of the fleet relative to other tenants', weight)
      .addOption(
        new Option('--highest-priority <class>', 'the highest priority of its jobs').choices([
          ...priorityClasses,
        ]),
      )
      .option('--proxy-arguments', 'allow build arguments such as HTTP_PROXY in its jobs')
      .option('--no-proxy-arguments', 'refuse these build arguments (default)')
      .addOption(
        new Option(
          '--base-image-changes <action>',
          'what happens when a base image of its functions changes: tell it (default), or rebuild them in waves',
        ).choices(['notify', 'rebuild']),
      )
      .option('--queued-jobs <count>', 'limit of waiting jobs', limit(0))
      .option('--running-jobs <count>', 'limit of running jobs', limit(1))
      .option('--source-bytes <bytes>', 'limit of its stored sources', limit(0))
      .option('--stored-bytes <bytes>', 'limit of its records', limit(0))
      .option('--requests-per-minute <count>', 'limit of API requests', limit(1))
      .option('--file <file>', 'all settings from a YAML or JSON file, in the place of the earlier ones')
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
        'Removes a tenant with its tokens, payload secrets and webhook endpoints. Its jobs stay, and waiting jobs are built.',
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
    .summary('manage the secrets that sign payloads of POST /build')
    .description('Payload secrets: a signed payload of POST /build is a job of the tenant of the secret.');
  talks(
    secrets
      .command('create')
      .summary('create a payload secret and print it once')
      .description('Creates a payload secret and prints it; it is not shown again.')
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
      .description('Lists the payload secrets of a tenant, without the secrets themselves.')
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
      .description('Removes a payload secret. Payloads signed with it are refused from now on.')
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

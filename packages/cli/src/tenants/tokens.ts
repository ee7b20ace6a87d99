import { createHash, randomBytes } from 'node:crypto';
import type { Scope, Token } from '@slipway/client';
import { formatDuration } from '@slipway/shared/formatting';
import type { CommandContext, CommonOptions } from '../command-context.js';
import { connect } from '../connection/connection.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import { shown, table } from '../terminal/text.js';

export interface CreateTokenOptions extends CommonOptions {
  readonly scope: readonly string[];
  readonly description: string;
  readonly tenant?: string;
  /** Days. */
  readonly expires?: number;
}

/** Creates a token and prints it. It is not shown again. */
export async function createToken(
  { scope, description, tenant, expires, ...options }: CreateTokenOptions,
  { terminal: { out, err }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  const { token, ...made } = await client.createToken({
    request: {
      // The server lists the valid scopes.
      scopes: scope as Scope[],
      description,
      ...(tenant !== undefined && { tenant }),
      ...(expires !== undefined && { expires_in_days: expires }),
    },
  });
  if (options.json) out.line(JSON.stringify({ ...made, token }));
  else {
    out.line(token);
    err.line(
      `${made.id} of ${made.tenant}, for ${made.scopes.join(', ')}, until ${made.expires_at ?? 'it is revoked'}.`,
    );
    err.line('The token is not shown again.');
  }
  return exitCodes.ok;
}

export interface ListTokensOptions extends CommonOptions {
  readonly tenant?: string;
}

export async function listTokens(
  options: ListTokensOptions,
  { terminal: { out, err }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  const tokens: Token[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.listTokens({
      query: {
        limit: 200,
        ...(options.tenant !== undefined && { tenant: options.tenant }),
        ...(cursor !== undefined && { cursor }),
      },
    });
    tokens.push(...page.tokens);
    cursor = page.next_cursor;
  } while (cursor !== undefined);
  if (options.json) out.line(JSON.stringify(tokens));
  else if (tokens.length === 0) err.line('No tokens.');
  else for (const row of table([heading, ...tokens.map(rowOf)])) out.line(row);
  return exitCodes.ok;
}

const heading = ['TOKEN', 'TENANT', 'DESCRIPTION', 'SCOPES', 'EXPIRES', 'LAST USED', 'BY'];

function rowOf(token: Token): string[] {
  const { expires_at: end, last_used_at: used } = token;
  return [
    ...[token.id, token.tenant, shown(token.description), token.scopes.join(' ')],
    end === undefined ? 'never' : Date.parse(end) <= Date.now() ? 'has expired' : end,
    used === undefined ? 'never' : `${formatDuration(Math.max(0, Date.now() - Date.parse(used)))} ago`,
    token.managed_by,
  ];
}

export async function revokeToken(
  id: string,
  options: CommonOptions,
  { terminal: { out, err }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  await client.revokeToken({ id });
  if (options.json) out.line(JSON.stringify({ id }));
  else err.line(`${id} is of no use any more.`);
  return exitCodes.ok;
}

/** Creates a token for a tenants file, which holds its hash. It calls no server. */
export function generateToken(
  { json }: { readonly json?: boolean },
  { terminal: { out, err } }: Pick<CommandContext, 'terminal'>,
): ExitCode {
  const token = `slp_${randomBytes(32).toString('base64url')}`;
  const sha256 = createHash('sha256').update(token).digest('hex');
  if (json) out.line(JSON.stringify({ token, sha256 }));
  else {
    out.line(token);
    err.line(`sha256: ${sha256}`);
  }
  return exitCodes.ok;
}

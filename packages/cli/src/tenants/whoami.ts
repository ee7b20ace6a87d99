import type { CommandContext, CommonOptions } from '../command-context.js';
import { connect } from '../connection/connection.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import { shown, table } from '../terminal/text.js';
import { tenantFacts } from './tenants.js';

/** Shows the tenant of the token, its rights and its usage. */
export async function whoami(
  options: CommonOptions,
  { terminal: { out }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  const { tenant, token } = await client.whoami();
  if (options.json) {
    out.line(JSON.stringify({ tenant, token }));
    return exitCodes.ok;
  }
  out.line(tenant.name);
  const facts = [
    ['  token', token.description === undefined ? token.id : `${token.id}, ${shown(token.description)}`],
    ['  scopes', token.scopes.join(', ')],
    ['  expires', token.expires_at ?? 'never'],
    ...tenantFacts(tenant),
  ];
  for (const row of table(facts)) out.line(row);
  return exitCodes.ok;
}

import type { CommandContext, CommonOptions } from '../command-context.js';
import { connect } from '../connection/connection.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import { table } from '../terminal/text.js';

/** Creates a payload secret and prints it. It is not shown again. */
export async function createPayloadSecret(
  name: string,
  options: CommonOptions,
  { terminal: { out, err }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  const { secret, ...made } = await client.createPayloadSecret({ name });
  if (options.json) out.line(JSON.stringify({ ...made, secret }));
  else {
    out.line(secret);
    err.line(`${made.id} of ${made.tenant}. The secret is not shown again.`);
  }
  return exitCodes.ok;
}

export async function listPayloadSecrets(
  name: string,
  options: CommonOptions,
  { terminal: { out, err }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  const secrets = await client.listPayloadSecrets({ name });
  if (options.json) out.line(JSON.stringify(secrets));
  else if (secrets.length === 0) err.line('No payload secrets.');
  else {
    const rows = secrets.map(({ id, created_at, managed_by }) => [id, created_at, managed_by]);
    for (const row of table([['PAYLOAD SECRET', 'CREATED', 'BY'], ...rows])) out.line(row);
  }
  return exitCodes.ok;
}

export async function deletePayloadSecret(
  { name, id }: { readonly name: string; readonly id: string },
  options: CommonOptions,
  { terminal: { out, err }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  await client.deletePayloadSecret({ name, id });
  if (options.json) out.line(JSON.stringify({ id }));
  else err.line(`${id} is of no use any more.`);
  return exitCodes.ok;
}

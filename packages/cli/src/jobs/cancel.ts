import { hasEnded } from '@slipway/client';
import type { CommandContext, CommonOptions } from '../command-context.js';
import { connect } from '../connection/connection.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';

/** Cancels a job that has not ended. */
export async function cancel(
  id: string,
  options: CommonOptions,
  { terminal: { out }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  const job = await client.cancelJob({ id });
  if (options.json) out.line(JSON.stringify(job));
  else if (hasEnded(job.state)) out.line(`${id} is canceled.`);
  else out.line(`${id} is running; its builder stops the build.`);
  return exitCodes.ok;
}

import type { CommandContext, CommonOptions } from '../command-context.js';
import { connect } from '../connection/connection.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import { attemptLine, logText } from './log-text.js';

export interface LogsOptions extends CommonOptions {
  readonly follow?: boolean;
}

/** Prints the log of a job up to now, or until the job has ended. */
export async function logs(
  id: string,
  options: LogsOptions,
  { terminal: { out, err }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  let attempt = 1;
  for await (const line of client.followLog({ id, follow: options.follow ?? false })) {
    if (options.json) {
      out.line(JSON.stringify(line));
      continue;
    }
    if (line.attempt !== attempt) {
      attempt = line.attempt;
      err.line(attemptLine(err, attempt));
    }
    out.line(logText(out, line.text));
  }
  return exitCodes.ok;
}

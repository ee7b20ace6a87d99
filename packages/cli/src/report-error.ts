import { ApiError, ConnectionError, connectionReason, isUntrusted } from '@slipway/client';
import { errorRow, SlipwayError } from '@slipway/shared/errors';
import { CommandError } from './command-error.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import type { Terminal } from './terminal/terminal.js';
import { shown } from './terminal/text.js';

interface Report {
  readonly code?: string;
  readonly message: string;
  readonly fields?: readonly { readonly path: string; readonly message: string }[];
  readonly remedy?: string | undefined;
  readonly exitCode: ExitCode;
}

/** Prints the error and its remedy, and returns the exit code. Throws an error that is a bug of this program. */
export function reportError(
  error: unknown,
  { terminal, json }: { terminal: Terminal; json: boolean },
): ExitCode {
  const { exitCode, ...report } = describe(error);
  if (json) {
    const { fields, ...rest } = report;
    terminal.out.line(JSON.stringify({ error: { ...rest, ...(fields?.length && { errors: fields }) } }));
    return exitCode;
  }
  const { err } = terminal;
  const code = report.code === undefined ? '' : `${report.code}: `;
  const [first = '', ...rest] = report.message.split('\n').map(shown);
  err.line(`${err.style('red', 'error:')} ${code}${first}`);
  for (const line of rest) err.line(line);
  for (const { path, message } of report.fields ?? []) err.line(`  ${shown(path)}  ${shown(message)}`);
  if (report.remedy) err.line(`  ${err.style('dim', 'What to do:')} ${shown(report.remedy)}`);
  return exitCode;
}

/** Remedies for the command line, in the place of the API's, which are about HTTP. */
const remedies: Readonly<Record<string, string>> = {
  unauthorized: 'Set SLIPWAY_TOKEN to the API token of this server.',
  redis_not_replicated:
    'It may still run. Look with `slipway status ID` or `slipway batch status ID` before you submit again.',
  webhook_disabled: 'Enable it first: slipway webhooks update ID --enable.',
};

function describe(error: unknown): Report {
  if (error instanceof ApiError) {
    const { code, detail, remedy, errors, retryAfter } = error;
    const soon = retryAfter === undefined ? '' : ` The server asks for a retry after ${retryAfter} s.`;
    // A single field error only repeats the detail.
    const fields = errors.length > 1 ? errors : [];
    const what = remedies[code] ?? remedy;
    return { code, message: detail, fields, remedy: `${what}${soon}`, exitCode: exitCodes.refused };
  }
  if (error instanceof ConnectionError) {
    return {
      code: 'unreachable',
      message: error.message,
      remedy: isUntrusted(error)
        ? 'Set NODE_EXTRA_CA_CERTS to the certificate of the authority that issued it, or check --server or SLIPWAY_URL.'
        : 'Start Slipway here with `slipway up`, or name another server with --server or SLIPWAY_URL.',
      exitCode: exitCodes.refused,
    };
  }
  if (error instanceof CommandError) {
    return { message: error.message, remedy: error.remedy, exitCode: error.exitCode };
  }
  if (error instanceof SlipwayError) {
    const { code, message } = error;
    return { code, message, remedy: errorRow(code).remedy, exitCode: exitCodes.failed };
  }
  if (error instanceof TypeError && error.message === 'fetch failed') {
    return {
      message: `${placeOf(error)} cannot be reached: ${connectionReason(error)}`,
      exitCode: exitCodes.failed,
    };
  }
  // Errors of the system (no such file, no permission) keep their text.
  if (error instanceof Error && 'syscall' in error)
    return { message: error.message, exitCode: exitCodes.failed };
  throw error;
}

/** Returns the host and port that did not answer, as far as the causes of an error name them. */
function placeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'a server';
  const { address, hostname, port } = error as { address?: string; hostname?: string; port?: number };
  const host = address ?? hostname;
  if (host !== undefined) return port === undefined ? host : `${host}:${port}`;
  return placeOf(error instanceof AggregateError ? error.errors[0] : error.cause);
}

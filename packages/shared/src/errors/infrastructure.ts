import { SlipwayError } from './slipway-error.js';
import type { ErrorCode } from './table.js';

/** Faults of what we stand on, recognised by how the libraries report them. */
const patterns: readonly {
  readonly match: (error: Error & { code?: string }) => boolean;
  readonly code: ErrorCode;
}[] = [
  { match: (e) => e.code === 'ENOSPC' || e.code === 'EDQUOT', code: 'storage_full' },
  { match: (e) => e.name === 'MaxRetriesPerRequestError', code: 'redis_unavailable' },
  // From a script, the reply tells where in the script the command was that had no room.
  { match: (e) => e.name === 'ReplyError' && /^(?:ERR .*)?-?OOM /.test(e.message), code: 'redis_full' },
  {
    match: (e) =>
      e.name === 'ReplyError' && /^(LOADING|READONLY|CLUSTERDOWN|MASTERDOWN|MISCONF)/.test(e.message),
    code: 'redis_unavailable',
  },
  {
    match: (e) => /^(Connection is closed|Stream isn't writeable|Command timed out)/.test(e.message),
    code: 'redis_unavailable',
  },
];

/** The coded form of an infrastructure fault, or `undefined` when the error is not a known one. */
export function infrastructureFault(error: unknown): SlipwayError | undefined {
  if (!(error instanceof Error)) return undefined;
  const found = patterns.find((pattern) => pattern.match(error));
  return found && new SlipwayError(found.code, undefined, { cause: error });
}

import { SlipwayError } from './slipway-error.js';
import type { ErrorCode } from './table.js';

/** Whether Redis replied with one of these errors, to a command or from within a script. */
const isReply = ({ name, message }: Error, words: string): boolean =>
  name === 'ReplyError' && new RegExp(`^(?:ERR .*-)?(?:${words})(?: |$)`).test(message);

/** Faults of what we stand on, recognised by how the libraries report them. */
const patterns: readonly {
  readonly match: (error: Error & { code?: string }) => boolean;
  readonly code: ErrorCode;
}[] = [
  { match: (e) => e.code === 'ENOSPC' || e.code === 'EDQUOT', code: 'storage_full' },
  { match: (e) => e.name === 'MaxRetriesPerRequestError', code: 'redis_unavailable' },
  // From a script, the reply tells where in the script the command was that had no room.
  { match: (e) => e.name === 'ReplyError' && /^(?:ERR .*)?-?OOM /.test(e.message), code: 'redis_full' },
  { match: (e) => isReply(e, 'READONLY'), code: 'redis_readonly' },
  { match: (e) => isReply(e, 'WRONGTYPE'), code: 'record_unreadable' },
  { match: (e) => isReply(e, 'WRONGPASS|NOAUTH|NOPERM'), code: 'redis_unauthorized' },
  { match: (e) => isReply(e, 'MOVED|ASK|CROSSSLOT'), code: 'redis_cluster_node' },
  {
    match: (e) => isReply(e, 'LOADING|CLUSTERDOWN|MASTERDOWN|MISCONF|NOREPLICAS|UNBLOCKED|TRYAGAIN'),
    code: 'redis_unavailable',
  },
  {
    match: (e) =>
      /^(Connection is closed|Stream isn't writeable|Command timed out|Command aborted due to)/.test(
        e.message,
      ),
    code: 'redis_unavailable',
  },
];

/** The coded form of an infrastructure fault, or `undefined` when the error is not a known one. */
export function infrastructureFault(error: unknown): SlipwayError | undefined {
  if (!(error instanceof Error)) return undefined;
  // A transaction that was discarded: the commands in it say why.
  const { previousErrors } = error as { previousErrors?: readonly unknown[] };
  if (previousErrors?.[0] !== undefined) return infrastructureFault(previousErrors[0]);
  const found = patterns.find((pattern) => pattern.match(error));
  return found && new SlipwayError(found.code, undefined, { cause: error });
}

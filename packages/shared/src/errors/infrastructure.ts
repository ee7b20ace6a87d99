import { SlipwayError } from './slipway-error.js';
import type { ErrorCode } from './table.js';

/** Returns true if Redis replied with one of these errors, to a command or from within a script. */
const isReply = ({ name, message }: Error, words: string): boolean =>
  name === 'ReplyError' && new RegExp(`^(?:ERR .*-)?(?:${words})(?: |$)`).test(message);

/** Infrastructure faults, recognised by the errors of the client libraries. */
const patterns: readonly {
  readonly match: (error: Error & { code?: string }) => boolean;
  readonly code: ErrorCode;
}[] = [
  { match: (e) => e.code === 'ENOSPC' || e.code === 'EDQUOT', code: 'storage_full' },
  { match: (e) => e.name === 'MaxRetriesPerRequestError', code: 'redis_unavailable' },
  // In a reply from a script, the position of the failed command precedes the error.
  { match: (e) => e.name === 'ReplyError' && /^(?:ERR .*)?-?OOM /.test(e.message), code: 'redis_full' },
  { match: (e) => isReply(e, 'READONLY'), code: 'redis_readonly' },
  { match: (e) => isReply(e, 'WRONGTYPE'), code: 'record_unreadable' },
  { match: (e) => isReply(e, 'WRONGPASS|NOAUTH|NOPERM'), code: 'redis_unauthorized' },
  { match: (e) => isReply(e, 'CROSSSLOT'), code: 'redis_cluster_node' },
  {
    match: (e) =>
      isReply(e, 'LOADING|CLUSTERDOWN|MASTERDOWN|MISCONF|NOREPLICAS|UNBLOCKED|TRYAGAIN|MOVED|ASK') ||
      /^ERR .*Script attempted to (?:access a non local key|execute a .*command while the cluster)/.test(
        e.message,
      ),
    code: 'redis_unavailable',
  },
  { match: (e) => e.name === 'ClusterAllFailedError', code: 'redis_unavailable' },
  {
    match: (e) =>
      /^(Connection is closed|Stream isn't writeable|Command timed out|Command aborted due to|Too many Cluster redirections|All sentinels are unreachable|None of startup nodes)/.test(
        e.message,
      ),
    code: 'redis_unavailable',
  },
];

/** Returns the coded form of an infrastructure fault, or `undefined` for any other error. */
export function infrastructureFault(error: unknown): SlipwayError | undefined {
  if (!(error instanceof Error)) return undefined;
  // The errors of the commands of a discarded transaction, or of the last node of a cluster, give the cause.
  const { previousErrors, lastNodeError } = error as {
    readonly previousErrors?: readonly unknown[];
    readonly lastNodeError?: unknown;
  };
  if (previousErrors?.[0] !== undefined) return infrastructureFault(previousErrors[0]);
  const ofNode = infrastructureFault(lastNodeError);
  if (ofNode) return ofNode;
  const found = patterns.find((pattern) => pattern.match(error));
  return found && new SlipwayError(found.code, undefined, { cause: error });
}

import type { AnnouncedReplica } from '@slipway/control-plane/replicas';
import type { SlipwayError } from '@slipway/shared/errors';
import type { Logger } from '@slipway/shared/logger';
import type { KubernetesClient } from '../../kubernetes/client.js';

/** A replica that an entry of `BUILDERS` stands for now. */
export type FoundReplica = Omit<AnnouncedReplica, 'max' | 'pool' | 'platforms'>;

interface WatchOptions {
  /** The entry as `parse` returned it. */
  readonly target: string;
  /** Receives all replicas of the entry, first as soon as they are known, then after each change. */
  readonly found: (replicas: readonly FoundReplica[]) => void;
  /** Receives the reason why the replicas are unknown now, and undefined when they are known again. The last known replicas stay. */
  readonly fault: (fault: SlipwayError | undefined) => void;
  /** Undefined outside of a cluster. */
  readonly kubernetes: Pick<KubernetesClient, 'request' | 'namespace'> | undefined;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** A kind of entries in `BUILDERS`. */
export interface DiscoveryKind {
  /** An example, for messages. */
  readonly form: string;
  readonly schemes: readonly string[];
  /** Returns the normal form of an entry without its settings. Throws an error that says what the entry must be, without credentials. */
  readonly parse: (text: string) => string;
  /** Follows the replicas until the signal is aborted. */
  readonly watch: (options: WatchOptions) => Promise<void>;
  /** Milliseconds until a replica that the entry no longer names is gone. Undefined if the entry always names it. */
  readonly goneAfterMs?: number;
}

/** Returns scheme, host and port of a URL that has nothing else. */
export function originOf(text: string): string {
  const { origin, username, pathname, search } = new URL(text);
  if (username !== '' || search !== '' || pathname !== '/') {
    throw new Error(`must hold only scheme, host and port: '${origin}${pathname}'`);
  }
  return origin;
}

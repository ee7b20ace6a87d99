/**
 * Every Redis key of an installation. All share one hash tag, so that scripts and transactions work on a
 * Redis Cluster.
 */
export interface Keys {
  /** What every key starts with, ending in `:`. Scripts build index keys from it. */
  readonly base: string;
  readonly bullPrefix: string;
  /** Stream of job events: the outbox that the notifier and the watchers read. */
  readonly events: string;
  /** Sorted set of ids whose record is written but that may not be in BullMQ yet; score = ms. */
  readonly undispatched: string;
  /** Channel on which a running job's cancellation is announced. */
  readonly cancellations: string;
  /** Holds the name of the worker that reconciles; expires with it. */
  readonly reconcilerLease: string;
  /** How far the reconciler's rolling check of queued jobs has come. */
  readonly reconcilerCursor: string;
  job(id: string): string;
  log(id: string): string;
  index(name: string): string;
}

export function redisKeys(prefix: string): Keys {
  const base = `{${prefix}}:`;
  return {
    base,
    bullPrefix: `${base}bull`,
    events: `${base}events`,
    undispatched: `${base}undispatched`,
    cancellations: `${base}cancellations`,
    reconcilerLease: `${base}reconciler`,
    reconcilerCursor: `${base}reconciler:cursor`,
    job: (id) => `${base}job:${id}`,
    log: (id) => `${base}log:${id}`,
    index: (name) => `${base}index:${name}`,
  };
}

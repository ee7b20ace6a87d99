/**
 * A histogram of times with fixed buckets, each 1.5 times as wide as the one before, so that counts of several processes and minutes
 * can be added. A quantile is at most a quarter off.
 */
const firstMs = 10;
const growth = 1.5;
/** Number of buckets. They cover more than a day. */
const buckets = 41;

/** Returns the bucket of a time in milliseconds. */
export function bucketOf(ms: number): number {
  if (!(ms > firstMs)) return 0;
  return Math.min(buckets - 1, Math.ceil(Math.log(ms / firstMs) / Math.log(growth)));
}

/**
 * Returns the time in milliseconds below which that share (0 to 1) of all times lies, or undefined without times. Assumes that times
 * spread evenly within a bucket.
 */
export function quantile(counts: ReadonlyMap<number, number>, share: number): number | undefined {
  const filled = [...counts].filter(([, count]) => count > 0).sort(([a], [b]) => a - b);
  const total = filled.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) return undefined;
  let left = share * total;
  for (const [bucket, count] of filled) {
    if (left <= count) return within(bucket, left / count);
    left -= count;
  }
  return within(filled.at(-1)?.[0] ?? 0, 1);
}

function within(bucket: number, share: number): number {
  const upper = firstMs * growth ** bucket;
  const lower = bucket === 0 ? 0 : upper / growth;
  return Math.round(lower + (upper - lower) * share);
}

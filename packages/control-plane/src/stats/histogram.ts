/**
 * A histogram of times with fixed buckets, each half as wide again as the one before, so that counts of several processes and
 * minutes can be added. What is read from it is at most a quarter off.
 */
const firstMs = 10;
const growth = 1.5;
/** Reaches beyond a day. */
const buckets = 41;

/** The bucket of a time in milliseconds. */
export function bucketOf(ms: number): number {
  if (!(ms > firstMs)) return 0;
  return Math.min(buckets - 1, Math.ceil(Math.log(ms / firstMs) / Math.log(growth)));
}

/**
 * The time in milliseconds below which that share (0 to 1) of all lies, taken as spread evenly within a bucket; undefined when
 * there are none.
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

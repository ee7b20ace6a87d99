import type { PoolPoint, ReplicaPoint } from '@slipway/shared/contracts';
import { quantile } from './histogram.js';

/** The counts of one minute of the epoch. */
export interface MinuteFields {
  readonly minute: number;
  readonly fields: Readonly<Record<string, string>>;
}

export interface Series {
  /** Minutes of each point. */
  readonly step: number;
  /** The time at which each point begins, in ms since the epoch. */
  readonly times: readonly number[];
  readonly pools: ReadonlyMap<string, readonly PoolPoint[]>;
  /** Points by the id of the replica. */
  readonly replicas: ReadonlyMap<string, readonly ReplicaPoint[]>;
}

interface SeriesOptions {
  /** The first minute of the first point. */
  readonly first: number;
  /** Minutes of each point. */
  readonly step: number;
  readonly points: number;
  readonly minutes: readonly MinuteFields[];
}

/** The counts of each point, by name. */
type Sums = Map<string, Map<string, number>[]>;

/** Returns points, each the sum of several minutes. */
export function seriesOf({ first, step, points, minutes }: SeriesOptions): Series {
  const sums: { p: Sums; r: Sums } = { p: new Map(), r: new Map() };
  for (const { minute, fields } of minutes) {
    const at = Math.floor((minute - first) / step);
    for (const [field, amount] of Object.entries(fields)) {
      const [kind, name = '', what = ''] = field.split(':');
      if (kind !== 'p' && kind !== 'r') continue;
      const point = rowOf(sums[kind], name, points)[at];
      point?.set(what, (point.get(what) ?? 0) + Number(amount));
    }
  }
  return {
    step,
    times: Array.from({ length: points }, (_, at) => (first + at * step) * 60_000),
    pools: new Map([...sums.p].map(([name, row]) => [name, row.map(poolPoint)])),
    replicas: new Map([...sums.r].map(([name, row]) => [name, row.map(replicaPoint)])),
  };
}

function rowOf(sums: Sums, name: string, points: number): Map<string, number>[] {
  const row = sums.get(name) ?? Array.from({ length: points }, () => new Map<string, number>());
  sums.set(name, row);
  return row;
}

/** Returns a point without counts. */
export const emptyPoolPoint = (): PoolPoint => poolPoint(new Map());
export const emptyReplicaPoint = (): ReplicaPoint => replicaPoint(new Map());

function poolPoint(sums: ReadonlyMap<string, number>): PoolPoint {
  const count = (what: string) => sums.get(what) ?? 0;
  const waits = bucketsOf(sums, 'w');
  const times = bucketsOf(sums, 'b');
  const builds = count('builds');
  const looks = count('looks');
  return {
    queued_mean: looks === 0 ? undefined : Math.round((10 * count('queued')) / looks) / 10,
    succeeded: count('succeeded'),
    failed: count('failed'),
    canceled: count('canceled'),
    started: count('started'),
    wait_p50_ms: quantile(waits, 0.5),
    wait_p95_ms: quantile(waits, 0.95),
    builds,
    build_mean_ms: builds === 0 ? undefined : Math.round(count('build_ms') / builds),
    build_p50_ms: quantile(times, 0.5),
    build_p95_ms: quantile(times, 0.95),
  };
}

function replicaPoint(sums: ReadonlyMap<string, number>): ReplicaPoint {
  const count = (what: string) => sums.get(what) ?? 0;
  return {
    builds: count('builds'),
    failures: count('failures'),
    refusals: count('refusals'),
    faults: count('faults'),
    placed: count('placed'),
    placed_home: count('placed_home'),
  };
}

/** Returns the counts whose name is the letter and a number. */
function bucketsOf(sums: ReadonlyMap<string, number>, letter: string): Map<number, number> {
  const buckets = new Map<number, number>();
  for (const [what, amount] of sums) {
    const bucket = what.startsWith(letter) ? Number(what.slice(1)) : Number.NaN;
    if (Number.isInteger(bucket)) buckets.set(bucket, amount);
  }
  return buckets;
}

import type { Builder, Queue, Stats } from '@slipway/client';
import { receivesBuilds } from '@slipway/shared/contracts';
import { count, formatDuration } from '@slipway/shared/formatting';
import { useMemo } from 'react';
import { SeriesChart } from '../charts/series-chart.js';
import { Figure, Figures } from '../components/figures.js';
import styles from './fleet.module.css';

interface PoolQueueProps {
  readonly pool: Queue['pools'][number];
  readonly stats: Stats | undefined;
  /** The replicas of all pools, or undefined while they are unknown or the token does not show them. */
  readonly replicas: readonly Builder[] | undefined;
}

const whole = (value: number) => (Number.isInteger(value) ? `${value}` : value.toFixed(1));

/** The queue of one pool now and in the last hour. */
export function PoolQueue({ pool, stats, replicas }: PoolQueueProps) {
  const charts = useMemo(() => {
    const points = stats?.pools.find(({ name }) => name === pool.name)?.points ?? [];
    const times = points.map((_point, at) => Date.parse(stats?.times[at] ?? ''));
    const aMinute = 60 / (stats?.step_seconds ?? 60);
    return {
      times,
      depth: [
        {
          name: 'waiting on average',
          colour: '--running',
          values: points.map((point) => point.queued_mean ?? null),
        },
      ],
      throughput: [
        {
          name: 'succeeded',
          colour: '--succeeded',
          values: points.map((point) => point.succeeded * aMinute),
        },
        { name: 'failed', colour: '--failed', values: points.map((point) => point.failed * aMinute) },
      ],
      waits: [
        {
          name: '50% less than',
          colour: '--running',
          values: points.map((point) => point.wait_p50_ms ?? null),
        },
        {
          name: '95% less than',
          colour: '--canceled',
          values: points.map((point) => point.wait_p95_ms ?? null),
        },
      ],
    } as const;
  }, [stats, pool.name]);
  return (
    <>
      <Figures>
        <Figure name="Waiting" value={pool.queued.toLocaleString('en')} />
        <Figure name="Building" value={<Building pool={pool} replicas={replicas} />} />
        <Figure
          name="Oldest has waited"
          value={pool.queued === 0 ? '–' : formatDuration(pool.oldest_wait_ms)}
        />
        <Figure
          name="Empty in"
          value={
            pool.queued === 0 || pool.estimated_ms === undefined ? '–' : formatDuration(pool.estimated_ms)
          }
        />
        <Figure
          name="Usual build"
          value={pool.mean_build_ms === undefined ? '–' : formatDuration(pool.mean_build_ms)}
        />
      </Figures>
      <div className={styles.charts}>
        <SeriesChart title="Waiting jobs" times={charts.times} series={charts.depth} format={whole} />
        <SeriesChart title="Jobs a minute" times={charts.times} series={charts.throughput} format={whole} />
        <SeriesChart
          title="Wait before a build"
          times={charts.times}
          series={charts.waits}
          format={formatDuration}
        />
      </div>
    </>
  );
}

/**
 * Running builds of the pool's capacity. A job counts as running for a moment after its slot is free, when another may build there.
 * If the token shows the replicas, their busy slots are counted. Otherwise the number is capped at the capacity.
 */
function Building({ pool: { name, running, capacity }, replicas }: Omit<PoolQueueProps, 'stats'>) {
  if (replicas === undefined) {
    const ending = Math.max(0, running - capacity);
    const title = ending > 0 ? `${count(ending, 'more job')} about to end` : undefined;
    return <span title={title}>{`${running - ending} of ${capacity}`}</span>;
  }
  const own = replicas.filter(({ pool }) => pool === name);
  const [taking, leaving] = [own.filter(receivesBuilds), own.filter((replica) => !receivesBuilds(replica))];
  const others = inFlight(leaving);
  const slots = taking.reduce((sum, { limit }) => sum + limit, 0);
  return (
    <>
      {inFlight(taking)} of {slots}
      {others > 0 && <span title="On replicas that take no more builds">{` + ${others}`}</span>}
    </>
  );
}

const inFlight = (replicas: readonly Builder[]) =>
  replicas.reduce((sum, { in_flight }) => sum + in_flight, 0);

import type { Queue, Stats } from '@slipway/client';
import { useMemo } from 'react';
import { SeriesChart } from '../charts/series-chart.js';
import { Figure, Figures } from '../components/figures.js';
import { formatDuration } from '../format/duration.js';
import styles from './fleet.module.css';

interface PoolQueueProps {
  readonly pool: Queue['pools'][number];
  readonly stats: Stats | undefined;
}

const whole = (value: number) => (Number.isInteger(value) ? `${value}` : value.toFixed(1));

/** What waits in one pool, and how it has gone in the last hour. */
export function PoolQueue({ pool, stats }: PoolQueueProps) {
  const charts = useMemo(() => {
    const points = stats?.pools.find(({ name }) => name === pool.name)?.points ?? [];
    const times = points.map((_point, at) => Date.parse(stats?.times[at] ?? ''));
    const aMinute = 60 / (stats?.step_seconds ?? 60);
    return {
      times,
      depth: [
        {
          name: 'wait on average',
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
          name: 'half wait less than',
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
        <Figure name="Building" value={`${pool.running} of ${pool.capacity}`} />
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
        <SeriesChart title="Jobs that wait" times={charts.times} series={charts.depth} format={whole} />
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

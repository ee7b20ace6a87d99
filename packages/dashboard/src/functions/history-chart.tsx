import type { FunctionView, JobState } from '@slipway/client';
import { count, formatDuration } from '@slipway/shared/formatting';
import { Link } from 'react-router';
import styles from './history-chart.module.css';

type History = NonNullable<FunctionView['history']>;

interface HistoryChartProps {
  /** Newest first, as the API returns it. */
  readonly history: History;
  /** Makes the bars large enough to point at, and each bar a link. */
  readonly large?: boolean;
}

/** The last builds, oldest first. A good build is a bar above the line, as high as it took long. The others hang below. */
export function HistoryChart({ history, large = false }: HistoryChartProps) {
  const longest = Math.max(...history.map(({ duration_ms = 0 }) => duration_ms), 1);
  const bars = history.toReversed().map((entry) => ({ entry, height: heightOf(entry, longest) }));
  if (large) {
    return (
      <ol className={`${styles.chart} ${styles.large}`} aria-label={inWords(history)}>
        {bars.map(({ entry, height }) => (
          <li key={entry.job}>
            <Link
              to={`/jobs/${entry.job}`}
              className={styles.slot}
              title={titleOf(entry)}
              aria-label={titleOf(entry)}
            >
              <span className={`${styles.bar} ${styles[entry.state]}`} style={{ height }} />
            </Link>
          </li>
        ))}
      </ol>
    );
  }
  return (
    <span className={styles.chart} role="img" aria-label={inWords(history)}>
      {bars.map(({ entry, height }) => (
        <span key={entry.job} className={styles.slot} title={titleOf(entry)}>
          <span className={`${styles.bar} ${styles[entry.state]}`} style={{ height }} />
        </span>
      ))}
    </span>
  );
}

/** Returns the height as a share of the half that a bar has. */
function heightOf({ state, duration_ms }: History[number], longest: number): string {
  if (state === 'succeeded') return `${15 + 50 * ((duration_ms ?? 0) / longest)}%`;
  return state === 'failed' ? '35%' : '15%';
}

const titleOf = ({ state, duration_ms, code }: History[number]) =>
  [state, duration_ms === undefined ? undefined : `in ${formatDuration(duration_ms)}`, code]
    .filter(Boolean)
    .join(', ');

function inWords(history: History): string {
  const much = new Map<JobState, number>();
  for (const { state } of history) much.set(state, (much.get(state) ?? 0) + 1);
  const states = [...much].map(([state, number]) => `${number} ${state}`);
  return history.length === 0 ? 'No jobs yet' : `Last ${count(history.length, 'job')}: ${states.join(', ')}`;
}

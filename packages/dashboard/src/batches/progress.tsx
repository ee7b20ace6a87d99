import type { Batch, JobState } from '@slipway/client';
import { StateIcon } from '../components/state-icon.js';
import styles from './batches.module.css';

/** States in drawing order: ended states first. */
const statesInOrder = ['succeeded', 'failed', 'canceled', 'running', 'queued'] as const satisfies JobState[];

/** Progress of a batch: one bar with a part for each state. */
export function ProgressBar({ batch: { counts, total } }: { batch: Pick<Batch, 'counts' | 'total'> }) {
  const said = statesInOrder.filter((state) => counts[state] > 0).map((state) => `${counts[state]} ${state}`);
  return (
    <div className={styles.bar} role="img" aria-label={said.join(', ')}>
      {statesInOrder.map(
        (state) =>
          counts[state] > 0 && (
            <span
              key={state}
              className={styles[state]}
              style={{ flexGrow: counts[state] / Math.max(total, 1) }}
            />
          ),
      )}
    </div>
  );
}

/** Legend of the bar, with the number of jobs in each state. */
export function Legend({ counts }: Pick<Batch, 'counts'>) {
  return (
    <ul className={styles.legend}>
      {statesInOrder.map((state) => (
        <li key={state} className={styles.legendItem}>
          <span className={styles[`${state}Text`]}>
            <StateIcon state={state} />
          </span>
          <span>{state}</span> <strong className="numbers">{counts[state].toLocaleString('en')}</strong>
        </li>
      ))}
    </ul>
  );
}

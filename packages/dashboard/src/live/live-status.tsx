import { type LiveState, useLive } from './live-context.js';
import styles from './live-status.module.css';

const words: Readonly<Record<LiveState, string>> = {
  connecting: 'Connecting',
  live: 'Live',
  waiting: 'Reconnecting',
};

/** Shows whether the page follows live events. */
export function LiveStatus() {
  const { state } = useLive();
  return (
    <span className={`${styles.status} ${styles[state]}`} role="status" data-live={state}>
      <span className={styles.dot} aria-hidden="true" />
      {words[state]}
    </span>
  );
}

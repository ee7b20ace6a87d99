import type { JobState } from '@slipway/client';
import styles from './state-badge.module.css';
import { StateIcon } from './state-icon.js';

/** A state as icon, colour and word. */
export function StateBadge({ state, word = state }: { state: JobState; word?: string }) {
  return (
    <span className={`${styles.badge} ${styles[state]}`}>
      <StateIcon state={state} />
      {word}
    </span>
  );
}

import type { ReactNode } from 'react';
import styles from './message.module.css';

interface EmptyProps {
  readonly title: string;
  /** The missing content, and how to create it; commands in `<code>`. */
  readonly children?: ReactNode;
}

/** A placeholder for an empty page: it says what belongs here and how to create it. */
export function Empty({ title, children }: EmptyProps) {
  return (
    <div className={styles.message}>
      <h3>{title}</h3>
      {children !== undefined && <div className={styles.text}>{children}</div>}
    </div>
  );
}

import type { ReactNode } from 'react';
import styles from './message.module.css';

interface EmptyProps {
  readonly title: string;
  /** What would be here, and how it gets here; commands in `<code>`. */
  readonly children?: ReactNode;
}

/** Where there is nothing yet: says what would be here and how it gets here. */
export function Empty({ title, children }: EmptyProps) {
  return (
    <div className={styles.message}>
      <h3>{title}</h3>
      {children !== undefined && <div className={styles.text}>{children}</div>}
    </div>
  );
}

import type { ReactNode } from 'react';
import styles from './figures.module.css';

/** A row of numbers with their names. */
export function Figures({ children }: { children: ReactNode }) {
  return <dl className={styles.figures}>{children}</dl>;
}

export function Figure({ name, value }: { name: string; value: ReactNode }) {
  return (
    <div className={styles.figure}>
      <dt>{name}</dt>
      <dd className="numbers">{value}</dd>
    </div>
  );
}

import styles from './loading.module.css';

/** A placeholder for content that is loading. */
export function Loading({ label = 'Loading' }: { label?: string }) {
  return (
    <p className={styles.loading} role="status">
      <span className={styles.dots} aria-hidden="true" />
      {label}…
    </p>
  );
}

export function LoadingPage({ label }: { label: string }) {
  return (
    <main className={styles.page}>
      <Loading label={label} />
    </main>
  );
}

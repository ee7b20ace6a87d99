import styles from './batches.module.css';

export function Labels({ labels }: { labels: Readonly<Record<string, string>> }) {
  const pairs = Object.entries(labels);
  if (pairs.length === 0) return null;
  return (
    <ul className={styles.labels} aria-label="Labels">
      {pairs.map(([name, value]) => (
        <li key={name} className={styles.label}>
          {name}={value}
        </li>
      ))}
    </ul>
  );
}

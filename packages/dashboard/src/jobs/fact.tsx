import type { ReactNode } from 'react';
import styles from './jobs.module.css';

interface FactProps {
  readonly name: string;
  readonly wide?: boolean;
  readonly children: ReactNode;
}

export function Fact({ name, wide = false, children }: FactProps) {
  return (
    <div className={wide ? styles.wide : undefined}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** Names and values, a small box for each. Renders nothing when there are none. */
export function Tags({
  name,
  values = {},
}: {
  name: string;
  values?: Readonly<Record<string, string>> | undefined;
}) {
  const entries = Object.entries(values);
  if (entries.length === 0) return null;
  return (
    <Fact name={name} wide>
      <span className={styles.tags}>
        {entries.map(([key, value]) => (
          <code key={key}>{`${key}=${value}`}</code>
        ))}
      </span>
    </Fact>
  );
}

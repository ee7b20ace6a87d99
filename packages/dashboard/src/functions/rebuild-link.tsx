import type { ReactNode } from 'react';
import { Link } from 'react-router';
import styles from './functions.module.css';

interface RebuildLinkProps {
  /** What the form begins with; see `selectorOf`. */
  readonly select: Readonly<Record<string, string>>;
  readonly children: ReactNode;
}

/** To the page that rebuilds what is selected, which shows first what that would be. */
export function RebuildLink({ select, children }: RebuildLinkProps) {
  const search = new URLSearchParams(select).toString();
  return (
    <Link className={styles.link} to={{ pathname: '/functions/rebuild', search }}>
      {children}
    </Link>
  );
}

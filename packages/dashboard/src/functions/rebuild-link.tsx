import type { ReactNode } from 'react';
import { Link } from 'react-router';
import styles from './functions.module.css';

interface RebuildLinkProps {
  /** Initial values of the form; see `selectorOf`. */
  readonly select: Readonly<Record<string, string>>;
  readonly children: ReactNode;
}

/** A link to the rebuild page with the selection filled in. That page shows a plan first. */
export function RebuildLink({ select, children }: RebuildLinkProps) {
  const search = new URLSearchParams(select).toString();
  return (
    <Link className={styles.link} to={{ pathname: '/functions/rebuild', search }}>
      {children}
    </Link>
  );
}

import { visible } from '@slipway/client';
import { type ReactNode, useEffect } from 'react';
import styles from './page.module.css';

interface PageProps {
  /** Title of the page and of the browser tab. */
  readonly title: string;
  /** Shown beside the title: a state or a count. */
  readonly beside?: ReactNode;
  readonly actions?: ReactNode;
  /** The line below the title. */
  readonly lead?: ReactNode;
  readonly children: ReactNode;
}

/** The frame of every page: title, actions and sections. */
export function Page({ title, beside, actions, lead, children }: PageProps) {
  useEffect(() => {
    document.title = visible(`${title} · Slipway`);
  }, [title]);
  return (
    <div className={styles.page}>
      <header className={styles.header}>
        <div className={styles.titles}>
          <h1>{title}</h1>
          {beside}
        </div>
        {actions !== undefined && <div className={styles.actions}>{actions}</div>}
        {lead !== undefined && <div className={styles.lead}>{lead}</div>}
      </header>
      {children}
    </div>
  );
}

interface SectionProps {
  readonly title?: string;
  readonly beside?: ReactNode;
  readonly children: ReactNode;
}

/** A part of a page, drawn as a card. */
export function Section({ title, beside, children }: SectionProps) {
  return (
    <section className={styles.section}>
      {(title !== undefined || beside !== undefined) && (
        <header className={styles.sectionHeader}>
          {title !== undefined && <h2>{title}</h2>}
          {beside}
        </header>
      )}
      {children}
    </section>
  );
}

import type { ReactNode } from 'react';
import styles from './data-table.module.css';

interface DataTableProps {
  /** Name of the table for screen readers. */
  readonly label: string;
  /** Names of the columns. A column of buttons has an empty name. */
  readonly columns: readonly string[];
  /** `<tr>`s. */
  readonly children: ReactNode;
}

/** A table that scrolls horizontally on a narrow screen. */
export function DataTable({ label, columns, children }: DataTableProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: keyboard users must be able to scroll it
    <section className={styles.box} aria-label={label} tabIndex={0}>
      <table className={styles.table}>
        <thead>
          <tr>
            {columns.map((column, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: columns never move
              <th key={at} scope="col">
                {column === '' ? <span className="visually-hidden">Actions</span> : column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </section>
  );
}

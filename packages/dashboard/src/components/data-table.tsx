import type { ReactNode } from 'react';
import styles from './data-table.module.css';

interface DataTableProps {
  /** Of the table, for who does not see it. */
  readonly label: string;
  /** Of the columns; an empty one has buttons below it. */
  readonly columns: readonly string[];
  /** `<tr>`s. */
  readonly children: ReactNode;
}

/** A table that scrolls in itself where the screen is narrow. */
export function DataTable({ label, columns, children }: DataTableProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be scrolled by keyboard
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

import { type KeyboardEvent, memo, useRef, useState } from 'react';
import { Link } from 'react-router';
import { StateBadge } from '../components/state-badge.js';
import { imageName } from '../format/digest.js';
import type { Cell } from './batch-jobs.js';
import styles from './batches.module.css';

/** Hundreds of jobs at a glance: a cell for each, its details when it is pointed at or reached by the arrow keys. */
export function JobGrid({ cells }: { cells: readonly Cell[] }) {
  const [shownId, setShownId] = useState<string>();
  const grid = useRef<HTMLUListElement>(null);
  const shown = cells.find(({ id }) => id === shownId) ?? cells[0];

  const show = (target: EventTarget) => {
    const id = (target as HTMLElement).closest<HTMLElement>('[data-id]')?.dataset.id;
    if (id !== undefined) setShownId(id);
  };
  const move = (event: KeyboardEvent) => {
    const links = [...(grid.current?.querySelectorAll<HTMLElement>('[data-id]') ?? [])];
    const at = links.indexOf(document.activeElement as HTMLElement);
    if (at < 0) return;
    const top = links[0]?.offsetTop;
    const columns = Math.max(
      1,
      links.findIndex((link) => link.offsetTop !== top),
    );
    const to = {
      ArrowRight: at + 1,
      ArrowLeft: at - 1,
      ArrowDown: at + columns,
      ArrowUp: at - columns,
      Home: 0,
      End: links.length - 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    links[Math.min(Math.max(to, 0), links.length - 1)]?.focus();
  };

  return (
    <div className={styles.gridBox}>
      {shown && <Details cell={shown} />}
      <ul
        ref={grid}
        className={styles.grid}
        aria-label="Jobs"
        onPointerOver={(event) => show(event.target)}
        onFocus={(event) => show(event.target)}
        onKeyDown={move}
      >
        {cells.map((cell) => (
          <GridCell key={cell.id} cell={cell} reachable={cell.id === shown?.id} />
        ))}
      </ul>
    </div>
  );
}

const nameOf = (cell: Cell) => cell.function ?? imageName(cell.image);

const GridCell = memo(function GridCell({ cell, reachable }: { cell: Cell; reachable: boolean }) {
  const { id, state } = cell;
  return (
    <li>
      <Link
        to={`/jobs/${id}`}
        className={`${styles.cell} ${styles[state]}`}
        data-id={id}
        data-state={state}
        tabIndex={reachable ? 0 : -1}
        aria-label={`${nameOf(cell)}, ${state}`}
      />
    </li>
  );
});

function Details({ cell }: { cell: Cell }) {
  return (
    <div className={styles.details}>
      <StateBadge state={cell.state} />
      <Link to={`/jobs/${cell.id}`}>{nameOf(cell)}</Link>
      <span className={styles.reason}>{cell.reason ?? cell.image}</span>
    </div>
  );
}

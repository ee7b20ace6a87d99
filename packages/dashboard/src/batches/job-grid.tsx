import { imagePath } from '@slipway/shared/formatting';
import { defaultRangeExtractor, type Range, useVirtualizer } from '@tanstack/react-virtual';
import {
  type KeyboardEvent,
  type MouseEvent,
  memo,
  type RefObject,
  useCallback,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
} from 'react';
import { Link, useNavigate } from 'react-router';
import { StateBadge } from '../components/state-badge.js';
import type { Cell } from './batch-jobs.js';
import styles from './batches.module.css';

/** Pixels from one cell to the next. The width of a cell is in `.cell`. */
const pitch = 28;
const gap = 4;

/** A grid with a cell per job. Pointing at a cell, or moving to it by arrow keys, shows its details. Only visible rows are rendered. */
export function JobGrid({ cells }: { cells: readonly Cell[] }) {
  const [shownId, setShownId] = useState<string>();
  const scroller = useRef<HTMLDivElement>(null);
  const columns = useColumns(scroller);
  const found = cells.findIndex(({ id }) => id === shownId);
  const shownAt = Math.max(found, 0);
  const shown = cells[shownAt];
  const shownRow = Math.floor(shownAt / columns);
  const virtualizer = useVirtualizer({
    count: Math.ceil(cells.length / columns),
    getScrollElement: () => scroller.current,
    estimateSize: () => pitch,
    overscan: 3,
    // The cell with the focus, or reachable by Tab, stays rendered wherever the reader scrolls to.
    rangeExtractor: useCallback(
      (range: Range) => [...new Set([...defaultRangeExtractor(range), shownRow])].toSorted((a, b) => a - b),
      [shownRow],
    ),
  });

  const show = (target: EventTarget) => {
    const id = (target as HTMLElement).closest<HTMLElement>('[data-id]')?.dataset.id;
    if (id !== undefined) setShownId(id);
  };
  const navigate = useNavigate();
  const open = (event: MouseEvent) => {
    const link = (event.target as HTMLElement).closest<HTMLAnchorElement>('a[data-id]');
    // Opens in another tab or window, as the browser does it.
    if (!link || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
      return;
    event.preventDefault();
    void navigate(link.pathname);
  };
  const focusing = useRef<string>(undefined);
  const move = (event: KeyboardEvent) => {
    const to = {
      ArrowRight: shownAt + 1,
      ArrowLeft: shownAt - 1,
      ArrowDown: shownAt + columns,
      ArrowUp: shownAt - columns,
      Home: 0,
      End: cells.length - 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const at = Math.min(Math.max(to, 0), cells.length - 1);
    focusing.current = cells[at]?.id;
    setShownId(focusing.current);
    virtualizer.scrollToIndex(Math.floor(at / columns));
  };
  // The row may have to be rendered first.
  useEffect(() => {
    if (focusing.current === undefined || focusing.current !== shownId) return;
    scroller.current?.querySelector<HTMLElement>(`[data-id="${shownId}"]`)?.focus({ preventScroll: true });
    focusing.current = undefined;
  }, [shownId]);

  return (
    <div className={styles.gridBox}>
      {shown && <Details cell={shown} />}
      <div ref={scroller} className={styles.gridScroller}>
        <ul
          className={styles.grid}
          style={{ height: Math.max(virtualizer.getTotalSize() - gap, 0) }}
          aria-label="Jobs"
          onPointerOver={(event) => show(event.target)}
          onFocus={(event) => show(event.target)}
          onKeyDown={move}
          onClick={open}
        >
          {virtualizer
            .getVirtualItems()
            .flatMap((row) =>
              cells
                .slice(row.index * columns, (row.index + 1) * columns)
                .map((cell, column) => (
                  <GridCell
                    key={cell.id}
                    cell={cell}
                    x={column * pitch}
                    y={row.start}
                    place={row.index * columns + column + 1}
                    total={cells.length}
                    reachable={cell.id === shown?.id}
                  />
                )),
            )}
        </ul>
      </div>
    </div>
  );
}

/** Returns how many cells fit beside each other in the width of the box. */
function useColumns(box: RefObject<HTMLElement | null>): number {
  const [columns, setColumns] = useState(1);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    // The box has a gap as padding on either side, and no gap follows the last cell.
    const measure = () => setColumns(Math.max(1, Math.floor((element.clientWidth - gap) / pitch)));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [box]);
  return columns;
}

const nameOf = (cell: Cell) => cell.function ?? imagePath(cell.image);

interface GridCellProps {
  readonly cell: Cell;
  readonly x: number;
  readonly y: number;
  /** Position among all cells, from 1. */
  readonly place: number;
  readonly total: number;
  readonly reachable: boolean;
}

/** A plain link, whose clicks the grid handles: a hundred router links take too long for one frame of scrolling. */
const GridCell = memo(function GridCell({ cell, x, y, place, total, reachable }: GridCellProps) {
  const { id, state } = cell;
  return (
    <li
      className={styles.place}
      style={{ transform: `translate(${x}px, ${y}px)` }}
      aria-posinset={place}
      aria-setsize={total}
    >
      {/* biome-ignore lint/a11y/useAnchorContent: the style draws the cell, and its label is read out */}
      <a
        href={`/jobs/${id}`}
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

import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useLocation, useNavigate } from 'react-router';
import type { LogModel, Step } from './log-model.js';
import { LogLineRow, StepRow } from './log-row.js';
import { LogTools } from './log-tools.js';
import styles from './log-viewer.module.css';
import { type Row, Rows } from './rows.js';
import { useFollow } from './use-follow.js';
import type { Log } from './use-log.js';
import { useSearch } from './use-search.js';

interface LogViewerProps {
  readonly log: Log;
  /** The step at which the job failed, if it failed. */
  readonly failed: Step | undefined;
  readonly download: () => Promise<void>;
}

const rowHeight = 22;

/** A log with its steps. Only visible rows are rendered. */
export function LogViewer({ log, failed, download }: LogViewerProps) {
  const { model, version, ended } = log;
  const scroller = useRef<HTMLElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const [wrapped, setWrapped] = useState(false);
  const { isOpen, setOpen, setAllOpen } = useOpenSteps({ model, failed });
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new version has rows to count
  const rows = useMemo(() => new Rows({ model, isOpen }), [model, isOpen, version]);
  const virtualizer = useVirtualizer({
    count: rows.count,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 15,
    paddingEnd: 6,
  });
  const search = useSearch({ model, version });
  const { following, setFollowing, onScroll } = useFollow({ virtualizer, rows, ended, scroller });
  const { range, choose } = useChosenLines();
  const [target, setTarget] = useState<{ line: number; model: LogModel }>();

  /** Opens the step of the line, and scrolls to the line once the step is rendered. */
  const reveal = useCallback(
    (line: number) => {
      const step = model.stepOf(line);
      if (!step) return false;
      if (step.lines.includes(line)) setOpen(step, true);
      setFollowing(false);
      setTarget({ line, model });
      return true;
    },
    [model, setOpen, setFollowing],
  );
  useEffect(() => {
    if (target?.model !== model) return;
    const row = rows.rowOf({ model, line: target.line });
    if (row !== undefined) virtualizer.scrollToIndex(row, { align: 'center' });
    setTarget(undefined);
  }, [target, rows, model, virtualizer]);

  const shownRange = useRef<string>(undefined);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new version may have the line
  useEffect(() => {
    if (!range || shownRange.current === formatRange(range)) return;
    if (reveal(range.from - 1)) shownRange.current = formatRange(range);
  }, [range, reveal, version]);

  const current = search.matches[search.place];
  // biome-ignore lint/correctness/useExhaustiveDependencies: only a change of the current match scrolls, not new lines
  useEffect(() => {
    if (current) reveal(current.line);
  }, [search.needle, current?.line, current?.start]);

  useEffect(() => {
    if (!failed || parseRange(window.location.hash)) return;
    const last = failed.lines.at(-1) ?? failed.line;
    setFollowing(false);
    setTarget({ line: last, model });
  }, [failed, model, setFollowing]);

  const chooseLine = (line: number, more: boolean) => {
    const from = more && range ? range.from : line + 1;
    const next = { from: Math.min(from, line + 1), to: Math.max(from, line + 1) };
    shownRange.current = formatRange(next);
    choose(next);
  };
  const toggle = (step: Step) => setOpen(step, !isOpen(step));
  const openable = model.steps.filter(({ lines }) => lines.length > 0);
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== '/' || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    input.current?.focus();
  };
  const items = virtualizer.getVirtualItems();
  const scrolledTo = Math.floor((virtualizer.scrollOffset ?? 0) / rowHeight);
  const first = wrapped ? undefined : rows.at(scrolledTo);
  const stepRow = (row: Row & { kind: 'step' }) => (
    <StepRow
      step={row.step}
      open={row.open}
      failed={row.step === failed}
      ended={ended}
      needle={search.needle}
      current={current}
      onToggle={toggle}
    />
  );

  return (
    <div className={styles.viewer}>
      <LogTools
        search={search}
        input={input}
        goToLine={(line) => chooseAndShow({ line, length: model.length, choose })}
        following={ended ? undefined : following}
        setFollowing={setFollowing}
        wrapped={wrapped}
        setWrapped={(next) => {
          setWrapped(next);
          virtualizer.measure();
        }}
        allOpen={openable.every(isOpen)}
        openAll={setAllOpen}
        download={download}
      />
      <div className={styles.frame}>
        {first?.kind === 'line' && scrolledTo > 0 && first.step.name !== '' && (
          <div className={styles.pinned}>{stepRow({ kind: 'step', step: first.step, open: true })}</div>
        )}
        <section
          ref={scroller}
          className={styles.scroller}
          aria-label="Log"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: keyboard users must be able to scroll it
          tabIndex={0}
          onScroll={onScroll}
          onKeyDown={onKey}
        >
          <div
            className={`${styles.rows} ${wrapped ? styles.wrapped : ''}`}
            style={{ height: virtualizer.getTotalSize(), ...numberWidth(model.length) }}
          >
            {items.map((item) => {
              const row = rows.at(item.index);
              if (!row) return null;
              return (
                <div
                  key={item.key}
                  ref={wrapped ? virtualizer.measureElement : undefined}
                  data-index={item.index}
                  className={rowClass({ row, model, range })}
                  style={{ transform: `translateY(${item.start}px)` }}
                >
                  {row.kind === 'attempt' && <span className={styles.attempt}>Attempt {row.attempt}</span>}
                  {row.kind === 'step' && stepRow(row)}
                  {row.kind === 'line' && (
                    <LogLineRow
                      model={model}
                      line={row.line}
                      needle={search.needle}
                      current={current}
                      onChoose={chooseLine}
                    />
                  )}
                </div>
              );
            })}
          </div>
        </section>
      </div>
    </div>
  );
}

/** The lines named by the URL. */
function useChosenLines() {
  const { hash } = useLocation();
  const navigate = useNavigate();
  const range = useMemo(() => parseRange(hash), [hash]);
  const choose = (next: LineRange) =>
    void navigate(
      { search: window.location.search, hash: formatRange(next) },
      { replace: true, preventScrollReset: true },
    );
  return { range, choose };
}

function chooseAndShow({
  line,
  length,
  choose,
}: {
  line: number;
  length: number;
  choose: (range: LineRange) => void;
}) {
  const place = Math.min(Math.max(line, 1), length);
  choose({ from: place, to: place });
}

function rowClass({
  row,
  model,
  range,
}: {
  row: Row;
  model: LogModel;
  range: LineRange | undefined;
}): string {
  const names = [styles.row];
  if (row.kind === 'step') names.push(styles.step);
  const line = row.kind === 'line' ? row.line : row.kind === 'step' ? row.step.line : undefined;
  if (row.kind === 'line') names.push(styles[model.kind(row.line)]);
  if (range && line !== undefined && line + 1 >= range.from && line + 1 <= range.to)
    names.push(styles.chosen);
  return names.filter(Boolean).join(' ');
}

const numberWidth = (lines: number) =>
  ({ '--number-width': `${Math.max(String(lines).length, 3) + 2}ch` }) as Record<string, string>;

/** Lines of a log, counted from 1. */
interface LineRange {
  readonly from: number;
  readonly to: number;
}

/** Returns the range of a URL hash, `#L12` or `#L12-L40`, else undefined. */
export function parseRange(hash: string): LineRange | undefined {
  const match = /^#L(\d{1,9})(?:-L?(\d{1,9}))?$/.exec(hash);
  if (!match) return undefined;
  const [one, other] = [Number(match[1]), Number(match[2] ?? match[1])];
  return one < 1 || other < 1 ? undefined : { from: Math.min(one, other), to: Math.max(one, other) };
}

export const formatRange = ({ from, to }: LineRange) => (from === to ? `#L${from}` : `#L${from}-L${to}`);

interface OpenStepsOptions {
  readonly model: LogModel;
  /** The step at which the job failed. Only this step is open then. */
  readonly failed: Step | undefined;
}

interface OpenSteps {
  readonly isOpen: (step: Step) => boolean;
  readonly setOpen: (step: Step, open: boolean) => void;
  /** Opens or closes all steps, also steps that begin later. */
  readonly setAllOpen: (open: boolean) => void;
}

/** The reader's choices for one model. */
interface Choices {
  readonly model: LogModel;
  readonly all?: boolean;
  readonly steps: ReadonlyMap<number, boolean>;
}

/** Returns which steps are open: the reader's choice, else the steps worth reading. */
function useOpenSteps({ model, failed }: OpenStepsOptions): OpenSteps {
  const [said, setSaid] = useState<Choices>({ model, steps: new Map() });
  const choices = said.model === model ? said : undefined;
  const isOpen = useCallback(
    (step: Step) => {
      const own = choices?.steps.get(step.index) ?? choices?.all;
      if (own !== undefined) return own;
      if (failed) return step === failed;
      return !step.internal && step.attempt === model.attempts;
    },
    [choices, failed, model],
  );
  const setOpen = useCallback(
    ({ index }: Step, open: boolean) =>
      setSaid((before) => {
        const kept = before.model === model ? before : { steps: [] };
        return { ...kept, model, steps: new Map([...kept.steps, [index, open]]) };
      }),
    [model],
  );
  const setAllOpen = useCallback((all: boolean) => setSaid({ model, all, steps: new Map() }), [model]);
  return useMemo(() => ({ isOpen, setOpen, setAllOpen }), [isOpen, setOpen, setAllOpen]);
}

import { count, formatDuration } from '@slipway/shared/formatting';
import type { MouseEvent } from 'react';
import { StateIcon } from '../components/state-icon.js';
import { plain } from './ansi.js';
import type { LogModel, Step } from './log-model.js';
import { LogText } from './log-text.js';
import styles from './log-viewer.module.css';
import { type Match, matchesIn } from './search.js';

interface Marks {
  readonly needle: string;
  readonly current: Match | undefined;
}

interface LineProps extends Marks {
  readonly model: LogModel;
  readonly line: number;
  /** Called with `more` when the selection extends from the line chosen before. */
  readonly onChoose: (line: number, more: boolean) => void;
}

const currentOn = ({ current }: Marks, line: number) => (current?.line === line ? current : undefined);

export function LogLineRow({ model, line, needle, current, onChoose }: LineProps) {
  const choose = (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    onChoose(line, event.shiftKey);
  };
  return (
    <>
      <a
        className={styles.number}
        href={`#L${line + 1}`}
        tabIndex={-1}
        aria-label={`Line ${line + 1}`}
        onClick={choose}
      >
        {line + 1}
      </a>
      <span className={styles.text}>
        <LogText
          spans={model.spans(line)}
          matches={matchesIn(model.text(line), needle)}
          current={currentOn({ needle, current }, line)}
        />
      </span>
    </>
  );
}

interface StepProps extends Marks {
  readonly step: Step;
  readonly open: boolean;
  /** The job failed at this step, whatever state the builder reported. */
  readonly failed: boolean;
  /** The step gets no more lines. */
  readonly ended: boolean;
  readonly onToggle: (step: Step) => void;
}

const icons = {
  running: 'running',
  done: 'succeeded',
  cached: 'succeeded',
  failed: 'failed',
  unended: 'canceled',
} as const;

/** The name of a step. A click opens or closes the step. */
export function StepRow({ step, open, failed, ended, needle, current, onToggle }: StepProps) {
  const state = failed ? 'failed' : ended && step.state === 'running' ? 'unended' : step.state;
  return (
    <button
      type="button"
      aria-expanded={open}
      title={step.name}
      className={[styles.stepButton, styles[state], open && styles.open, step.internal && styles.internal]
        .filter(Boolean)
        .join(' ')}
      onClick={() => onToggle(step)}
    >
      <span className={styles.chevron} aria-hidden="true">
        {step.lines.length > 0 && '▸'}
      </span>
      <span className={styles.icon}>
        <StateIcon state={icons[state]} size={15} />
        <span className="visually-hidden">{state}</span>
      </span>
      <span className={styles.name}>
        <LogText
          spans={[{ text: step.name, style: plain }]}
          matches={matchesIn(step.name, needle)}
          current={currentOn({ needle, current }, step.line)}
        />
      </span>
      <span className={`${styles.much} numbers`}>{aside(step)}</span>
    </button>
  );
}

function aside({ state, seconds, lines }: Step): string {
  if (state === 'cached') return 'cached';
  const parts: string[] = [];
  if (lines.length > 0) parts.push(count(lines.length, 'line'));
  if (seconds !== undefined) parts.push(formatDuration(seconds * 1_000));
  return parts.join(' · ');
}

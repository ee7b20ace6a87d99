import type { LogModel, Step } from './log-model.js';

/** Content of one row of the viewer. */
export type Row =
  | { readonly kind: 'attempt'; readonly attempt: number }
  | { readonly kind: 'step'; readonly step: Step; readonly open: boolean }
  | { readonly kind: 'line'; readonly step: Step; readonly line: number };

interface Block {
  readonly step: Step;
  readonly open: boolean;
  /** First row of the step. */
  readonly from: number;
  readonly attemptRow: boolean;
  readonly headerRow: boolean;
}

/** Maps rows to steps and lines for the open steps. Its cost grows with the number of steps, not lines. */
export class Rows {
  readonly count: number;
  readonly #blocks: Block[] = [];

  constructor({ model, isOpen }: { model: LogModel; isOpen: (step: Step) => boolean }) {
    let count = 0;
    let attempt = model.attempts > 1 ? 0 : model.attempts;
    for (const step of model.steps) {
      const headerRow = step.name !== '';
      const attemptRow = step.attempt !== attempt;
      attempt = step.attempt;
      const open = !headerRow || isOpen(step);
      this.#blocks.push({ step, open, from: count, attemptRow, headerRow });
      count += Number(attemptRow) + Number(headerRow) + (open ? step.lines.length : 0);
    }
    this.count = count;
  }

  at(row: number): Row | undefined {
    const block =
      this.#blocks[lastAtMost(this.#blocks.length, row, (index) => this.#blocks[index]?.from ?? 0)];
    if (!block) return undefined;
    let rest = row - block.from;
    if (block.attemptRow && rest-- === 0) return { kind: 'attempt', attempt: block.step.attempt };
    if (block.headerRow && rest-- === 0) return { kind: 'step', step: block.step, open: block.open };
    const line = block.open ? block.step.lines[rest] : undefined;
    return line === undefined ? undefined : { kind: 'line', step: block.step, line };
  }

  /** Returns the row of a line, or the row of its step while that is closed. */
  rowOf({ model, line }: { model: LogModel; line: number }): number | undefined {
    const step = model.stepOf(line);
    const block = step && this.#blocks[step.index];
    if (!block) return undefined;
    const header = block.from + Number(block.attemptRow);
    if (!block.open) return header;
    const place = lastAtMost(step.lines.length, line, (index) => step.lines[index] ?? 0);
    return step.lines[place] === line ? header + Number(block.headerRow) + place : header;
  }
}

/** Returns the last index whose value is at most `wanted`, in ascending values; -1 if none is. */
function lastAtMost(length: number, wanted: number, valueAt: (index: number) => number): number {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (valueAt(middle) <= wanted) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

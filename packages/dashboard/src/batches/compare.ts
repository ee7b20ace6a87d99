import type { Batch } from '@slipway/client';
import type { Cell } from './batch-jobs.js';

/** Returns the run before: the batch that this one repeats, or the newest older one with the same labels. Without labels there is none. */
export function runBefore(batch: Batch, others: readonly Batch[]): string | undefined {
  if (batch.retry_of !== undefined) return batch.retry_of;
  const labels = signature(batch);
  if (labels === '') return undefined;
  return others.find(
    (other) => other.id !== batch.id && other.created_at < batch.created_at && signature(other) === labels,
  )?.id;
}

/** Runs of one pipeline have the same labels. */
const signature = ({ labels }: Batch) =>
  Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .toSorted()
    .join();

const keyOf = (cell: Cell) => cell.function ?? cell.image;

/** Returns the jobs that ended differently than in the run before, by function or image. */
export function compareRuns(cells: readonly Cell[], before: readonly Cell[]) {
  const earlier = new Map(before.map((cell) => [keyOf(cell), cell.state]));
  const was = (cell: Cell) => earlier.get(keyOf(cell));
  return {
    broken: cells.filter((cell) => cell.state === 'failed' && was(cell) === 'succeeded'),
    mended: cells.filter((cell) => cell.state === 'succeeded' && was(cell) === 'failed'),
    still: cells.filter((cell) => cell.state === 'failed' && was(cell) === 'failed'),
    added: cells.filter((cell) => was(cell) === undefined),
  };
}

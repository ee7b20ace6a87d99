import type { Client, Job, JobState, LiveJob } from '@slipway/client';

/** What the grid shows of a job. */
export interface Cell {
  readonly id: string;
  readonly state: JobState;
  readonly image: string;
  readonly function: string | undefined;
  /** Why it failed or was canceled. */
  readonly reason: string | undefined;
}

/** What is shown at most; batches hold up to 10,000 jobs. */
export const mostCells = 2_000;

/** The jobs of a batch in the order of their submission, up to `mostCells` of them. */
export async function readCells(client: Client, id: string, signal: AbortSignal): Promise<Cell[]> {
  const cells: Cell[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.listBatchJobs({ id, query: { limit: 200, ...(cursor && { cursor }) }, signal });
    cells.push(...page.jobs.map(cellOf));
    cursor = page.next_cursor;
  } while (cursor !== undefined && cells.length < mostCells);
  return cells.reverse();
}

const cellOf = ({ id, state, image, error, ...job }: Job): Cell => ({
  id,
  state,
  image,
  function: job.function,
  reason: error && `${error.code}: ${error.detail}`,
});

/** The cells with what has happened to them. The same array when nothing has. */
export function patchCells(cells: Cell[], changes: readonly LiveJob[]): Cell[] {
  const last = new Map(changes.map((job) => [job.id, job]));
  let patched = false;
  const next = cells.map((cell) => {
    const job = last.get(cell.id);
    if (!job || job.state === cell.state) return cell;
    patched = true;
    return { ...cell, state: job.state, reason: job.code && `${job.code}: ${job.detail ?? ''}` };
  });
  return patched ? next : cells;
}

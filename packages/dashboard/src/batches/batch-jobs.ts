import type { Client, Job, JobState, LiveJob } from '@slipway/client';

/** What the grid shows of a job. */
export interface Cell {
  readonly id: string;
  readonly state: JobState;
  /** Of the job; what is known of a later one is never replaced by what was known of an earlier one. */
  readonly version: number;
  readonly image: string;
  readonly function: string | undefined;
  /** Why it failed or was canceled. */
  readonly reason: string | undefined;
}

/** The jobs of a batch in the order of their submission. */
export interface BatchCells {
  readonly cells: readonly Cell[];
  /** False while more of them are on their way. */
  readonly complete: boolean;
}

const pageSize = 200;

interface ReadOptions {
  readonly client: Client;
  readonly id: string;
  readonly signal: AbortSignal;
  /** Called with each page, newest jobs first, as it comes. */
  readonly onPage: (page: readonly Cell[]) => void;
}

/** Reads all jobs of a batch, of which there are up to 10,000, page by page. */
export async function readCells({ client, id, signal, onPage }: ReadOptions): Promise<void> {
  let cursor: string | undefined;
  do {
    const query = { limit: pageSize, ...(cursor && { cursor }) };
    const page = await client.listBatchJobs({ id, query, signal });
    onPage(page.jobs.map(cellOf));
    cursor = page.next_cursor;
  } while (cursor !== undefined);
}

const cellOf = ({ id, state, version, image, error, ...job }: Job): Cell => ({
  id,
  state,
  version,
  image,
  function: job.function,
  reason: error && `${error.code}: ${error.detail}`,
});

/** The cells and those of a page, by id, which is by time. What is newer of a job counts. */
export function mergeCells(cells: readonly Cell[], page: readonly Cell[]): readonly Cell[] {
  const all = new Map(cells.map((cell) => [cell.id, cell]));
  let grown = false;
  for (const cell of page) {
    const known = all.get(cell.id);
    if (known && known.version >= cell.version) continue;
    grown ||= known === undefined;
    all.set(cell.id, cell);
  }
  const merged = [...all.values()];
  return grown ? merged.sort((a, b) => (a.id < b.id ? -1 : 1)) : merged;
}

/** The cells with what has happened to them. The same array when nothing has. */
export function patchCells(cells: readonly Cell[], changes: readonly LiveJob[]): readonly Cell[] {
  const last = new Map(changes.map((job) => [job.id, job]));
  let patched = false;
  const next = cells.map((cell) => {
    const job = last.get(cell.id);
    if (!job || job.version <= cell.version) return cell;
    patched = true;
    const reason = job.code && `${job.code}: ${job.detail ?? ''}`;
    return { ...cell, state: job.state, version: job.version, reason };
  });
  return patched ? next : cells;
}

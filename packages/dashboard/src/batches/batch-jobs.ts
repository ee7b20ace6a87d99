import type { Client, Job, JobState, LiveJob } from '@slipway/client';

/** A job as the grid shows it. */
export interface Cell {
  readonly id: string;
  readonly state: JobState;
  /** Version of the job. A newer version is never replaced by an older one. */
  readonly version: number;
  readonly image: string;
  readonly function: string | undefined;
  /** The reason of a failed or canceled job. */
  readonly reason: string | undefined;
}

/** The jobs of a batch in the order of their submission. */
export interface BatchCells {
  readonly cells: readonly Cell[];
  /** False while more jobs are being loaded. */
  readonly complete: boolean;
}

const pageSize = 200;

interface ReadOptions {
  readonly client: Client;
  readonly id: string;
  readonly signal: AbortSignal;
  /** Called with each page as it arrives, newest jobs first. */
  readonly onPage: (page: readonly Cell[]) => void;
}

/** Reads all jobs of a batch (up to 10,000) page by page. */
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

/** Returns the cells with those of a page, sorted by id, which is by time. The newer version of a job wins. */
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

/** Returns the cells with the changes applied, or the same array when none applies. */
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

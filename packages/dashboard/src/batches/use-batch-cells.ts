import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useLiveEvents } from '../live/live-context.js';
import { queryKeys } from '../live/live-queries.js';
import { useClient } from '../session/session-context.js';
import { type BatchCells, type Cell, mergeCells, patchCells, readCells } from './batch-jobs.js';

/** Older jobs come later and stand first: each time, all cells move. */
const showEveryMs = 500;

/** All jobs of a batch: those that are read so far, then live. Undefined `id`: none are read. */
export function useBatchCells(id: string | undefined) {
  const client = useClient();
  const queries = useQueryClient();
  const queryKey = queryKeys.batchJobs(id ?? '');
  useLiveEvents((events) => {
    const changes = events.flatMap((event) =>
      event.type === 'job' && event.job.batch === id ? [event.job] : [],
    );
    if (changes.length === 0) return;
    queries.setQueryData<BatchCells>(queryKey, (old) => {
      const cells = old && patchCells(old.cells, changes);
      return old && cells !== old.cells ? { ...old, cells: cells ?? [] } : old;
    });
  });
  return useQuery({
    queryKey,
    queryFn: async ({ signal }): Promise<BatchCells> => {
      const show = (page: BatchCells['cells'], complete: boolean) =>
        queries.setQueryData<BatchCells>(queryKey, (old) => ({
          cells: mergeCells(old?.cells ?? [], page),
          complete: complete || (old?.complete ?? false),
        }));
      let waiting: Cell[] = [];
      let shownAt = Number.NEGATIVE_INFINITY;
      const onPage = (page: readonly Cell[]) => {
        waiting.push(...page);
        if (performance.now() - shownAt < showEveryMs) return;
        show(waiting, false);
        waiting = [];
        shownAt = performance.now();
      };
      await readCells({ client, id: id ?? '', signal, onPage });
      return show(waiting, true) ?? { cells: [], complete: true };
    },
    enabled: id !== undefined,
    // Cells that have not changed are kept as they are; looking into ten thousand of them again takes too long.
    structuralSharing: false,
    // Events keep it up to date; reading all of it costs fifty requests.
    refetchOnWindowFocus: false,
  });
}

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useLiveEvents } from '../live/live-context.js';
import { queryKeys } from '../live/live-queries.js';
import { useClient } from '../session/session-context.js';
import { type BatchCells, type Cell, mergeCells, patchCells, readCells } from './batch-jobs.js';

/** Milliseconds between renders while pages load. Older jobs arrive later and stand first, so each page moves all cells. */
const showEveryMs = 500;

/** Returns all jobs of a batch: those read so far, then live updates. Without `id` it reads nothing. */
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
    // Keeps unchanged cells as they are; comparing ten thousand of them again takes too long.
    structuralSharing: false,
    // Events keep the cells up to date; reading all of them costs fifty requests.
    refetchOnWindowFocus: false,
  });
}

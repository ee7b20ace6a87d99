import { type QueryKey, useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useRef } from 'react';

const everyMs = 2_000;

/** Returns a function that refreshes an expensive query soon, once for all calls until then. `queryKey` must stay the same. */
export function useRefreshSoon(queryKey: QueryKey): () => void {
  const queries = useQueryClient();
  const timer = useRef<number>(undefined);
  useEffect(
    () => () => {
      window.clearTimeout(timer.current);
      timer.current = undefined;
    },
    [],
  );
  return useCallback(() => {
    timer.current ??= window.setTimeout(() => {
      timer.current = undefined;
      void queries.invalidateQueries({ queryKey });
    }, everyMs);
  }, [queries, queryKey]);
}

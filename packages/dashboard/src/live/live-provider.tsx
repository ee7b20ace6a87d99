import type { LiveEvent } from '@slipway/client';
import { type QueryKey, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useSession } from '../session/session-context.js';
import { followForever } from './follow.js';
import { LiveContext, type LiveListener, type LiveState } from './live-context.js';
import { queriesTouched, refresh } from './live-queries.js';

/** Milliseconds between calls of listeners. Patching is cheap; fetching again is not. */
const tellEveryMs = 250;
const refreshEveryMs = 1_000;

/** The event stream of all pages. It invalidates changed queries and calls the listeners. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const { client, signOut } = useSession();
  const queries = useQueryClient();
  const [state, setState] = useState<LiveState>('connecting');
  const listeners = useRef(new Set<LiveListener>());
  const listen = useCallback((listener: LiveListener) => {
    listeners.current.add(listener);
    return () => {
      listeners.current.delete(listener);
    };
  }, []);

  useEffect(() => {
    const ending = new AbortController();
    const touched = new Map<string, QueryKey>();
    let heard: LiveEvent[] = [];
    let telling: number | undefined;
    let refreshing: number | undefined;
    const refreshTouched = () => {
      // A fetch in progress may already be stale: it is repeated once it has ended.
      const keys = [...touched.values()].filter((queryKey) => queries.isFetching({ queryKey }) === 0);
      for (const key of keys) touched.delete(key.join('/'));
      refresh(queries, keys);
      const more = keys.length > 0 || touched.size > 0;
      refreshing = more ? window.setTimeout(refreshTouched, refreshEveryMs) : undefined;
    };
    const tell = () => {
      telling = undefined;
      const events = heard;
      heard = [];
      for (const key of queriesTouched(events)) touched.set(key.join('/'), key);
      for (const listener of listeners.current) listener(events);
      if (refreshing === undefined) refreshTouched();
    };
    void followForever({
      client,
      signal: ending.signal,
      onState: setState,
      onEvent(event) {
        if (event.type === 'idle') return;
        heard.push(event);
        telling ??= window.setTimeout(tell, tellEveryMs);
      },
      onRefused(error) {
        if (error.status === 401) signOut('The token is no longer valid. Sign in again.');
      },
    });
    return () => {
      ending.abort();
      window.clearTimeout(telling);
      window.clearTimeout(refreshing);
    };
  }, [client, queries, signOut]);

  const value = useMemo(() => ({ state, listen }), [state, listen]);
  return <LiveContext value={value}>{children}</LiveContext>;
}

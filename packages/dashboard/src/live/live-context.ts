import type { LiveEvent } from '@slipway/client';
import { createContext, useContext, useEffect, useRef } from 'react';

/** `live`: the page follows events. `waiting`: the connection is being made again. */
export type LiveState = 'connecting' | 'live' | 'waiting';

export type LiveListener = (events: readonly LiveEvent[]) => void;

export interface LiveContextValue {
  readonly state: LiveState;
  /** Returns a function that stops listening. */
  readonly listen: (listener: LiveListener) => () => void;
}

export const LiveContext = createContext<LiveContextValue | undefined>(undefined);

export function useLive(): LiveContextValue {
  const live = useContext(LiveContext);
  if (!live) throw new Error('useLive is used outside of LiveProvider');
  return live;
}

/**
 * Calls `listener` with batches of events, at most several times a second. The queries of `liveQueries` refresh
 * automatically: this hook is for components that patch their own data.
 */
export function useLiveEvents(listener: LiveListener): void {
  const { listen } = useLive();
  const latest = useRef(listener);
  useEffect(() => {
    latest.current = listener;
  });
  useEffect(() => listen((events) => latest.current(events)), [listen]);
}

import type { LiveEvent } from '@slipway/client';
import { createContext, useContext, useEffect, useRef } from 'react';

/** `live`: what is shown follows what happens. `waiting`: the connection is being made again. */
export type LiveState = 'connecting' | 'live' | 'waiting';

export type LiveListener = (events: readonly LiveEvent[]) => void;

export interface LiveContextValue {
  readonly state: LiveState;
  /** Returns how to stop it. */
  readonly listen: (listener: LiveListener) => () => void;
}

export const LiveContext = createContext<LiveContextValue | undefined>(undefined);

export function useLive(): LiveContextValue {
  const live = useContext(LiveContext);
  if (!live) throw new Error('useLive is used outside of LiveProvider');
  return live;
}

/**
 * Calls `listener` with what has happened, several times a second at most and with all of it at once. The queries of
 * `liveQueries` are read anew by themselves: this is for what patches what it shows.
 */
export function useLiveEvents(listener: LiveListener): void {
  const { listen } = useLive();
  const latest = useRef(listener);
  useEffect(() => {
    latest.current = listener;
  });
  useEffect(() => listen((events) => latest.current(events)), [listen]);
}

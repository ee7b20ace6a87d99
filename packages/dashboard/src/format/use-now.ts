import { useSyncExternalStore } from 'react';

const everyMs = 1_000;
const listeners = new Set<() => void>();
let now = Date.now();
let timer: number | undefined;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= window.setInterval(() => {
    now = Date.now();
    for (const listen of listeners) listen();
  }, everyMs);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    window.clearInterval(timer);
    timer = undefined;
  };
}

/** Milliseconds since 1970, anew each second. All who ask share one timer. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => {
    // Nothing has ticked while nobody looked.
    if (timer === undefined && Date.now() - now > everyMs) now = Date.now();
    return now;
  });
}

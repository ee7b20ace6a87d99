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

/** Returns milliseconds since 1970, updated each second. All callers share one timer. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => {
    // The timer does not run while the page has no subscriber.
    if (timer === undefined && Date.now() - now > everyMs) now = Date.now();
    return now;
  });
}

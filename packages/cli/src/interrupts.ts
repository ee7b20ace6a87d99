const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Hands each Ctrl-C (and request to end) to `handle` instead of ending the process. Returns how to undo that. */
export function onInterrupt(handle: (signal: NodeJS.Signals) => void): () => void {
  for (const signal of signals) process.on(signal, handle);
  return () => {
    for (const signal of signals) process.off(signal, handle);
  };
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Calls `handle` for each SIGINT and SIGTERM instead of ending the process. Returns a function that undoes this. */
export function onInterrupt(handle: (signal: NodeJS.Signals) => void): () => void {
  for (const signal of signals) process.on(signal, handle);
  return () => {
    for (const signal of signals) process.off(signal, handle);
  };
}

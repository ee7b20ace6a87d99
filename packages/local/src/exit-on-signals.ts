import { constants } from 'node:os';

/** Ends this program at SIGINT, SIGTERM and SIGHUP by `process.exit`: its children and temporary folders end with it, which a signal alone leaves behind. */
export function exitOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => process.exit(128 + constants.signals[signal]));
  }
}

import type { BatchProgress, JobProgress } from './progress.js';

/** Shows the progress of a batch. */
export interface BatchView {
  /** Shows the new progress. */
  update(progress: BatchProgress): void;
  ended(job: JobProgress, progress: BatchProgress): void;
  /** Shows a note. */
  note(text: string): void;
  /** Erases temporary output. */
  close(): void;
}

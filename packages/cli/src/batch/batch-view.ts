import type { BatchProgress, JobProgress } from './progress.js';

/** Shows how a batch goes on. */
export interface BatchView {
  /** Something of the progress has changed. */
  update(progress: BatchProgress): void;
  ended(job: JobProgress, progress: BatchProgress): void;
  /** Says something besides. */
  note(text: string): void;
  /** Takes back what was only for the time being. */
  close(): void;
}

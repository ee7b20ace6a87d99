import { type Batch, type BatchEvent, type BatchJobEvent, hasEnded, type JobState } from '@slipway/client';

export interface JobProgress {
  readonly id: string;
  /** The function, or the image if the job has no function. */
  readonly name: string;
  readonly state: JobState;
  readonly event: BatchJobEvent;
  /** Milliseconds since the epoch; undefined before the first start. */
  readonly startedAt: number | undefined;
}

/** The progress of a batch, from its events. Events may arrive in any order and repeatedly. */
export class BatchProgress {
  readonly #jobs = new Map<string, JobProgress>();
  readonly #running = new Map<string, JobProgress>();
  readonly #counts: Record<JobState, number> = {
    queued: 0,
    running: 0,
    succeeded: 0,
    failed: 0,
    canceled: 0,
  };
  #batch: Batch | undefined;

  get batch(): Batch | undefined {
    return this.#batch;
  }

  /** Running jobs, the longest-running first. */
  get running(): JobProgress[] {
    return [...this.#running.values()].sort((a, b) => (a.startedAt ?? 0) - (b.startedAt ?? 0));
  }

  /** The number of jobs in each state. */
  get counts(): Readonly<Record<JobState, number>> & { readonly total: number } {
    const total = Math.max(this.#batch?.total ?? 0, this.#jobs.size);
    // Jobs without an event are queued.
    return { ...this.#counts, queued: this.#counts.queued + total - this.#jobs.size, total };
  }

  /** Applies an event. Returns the job if it has just ended. */
  add(event: BatchEvent): JobProgress | undefined {
    if (event.type !== 'job') {
      this.#batch = event.batch;
      return undefined;
    }
    const { job } = event;
    const known = this.#jobs.get(job.id);
    if (known && known.event.version >= job.version) return undefined;
    const progress: JobProgress = {
      ...{ id: job.id, name: job.function ?? job.image, state: job.state, event: job },
      startedAt: known?.startedAt ?? (job.state === 'running' ? Date.parse(job.at) : undefined),
    };
    this.#jobs.set(job.id, progress);
    if (known) this.#counts[known.state]--;
    this.#counts[job.state]++;
    if (job.state === 'running') this.#running.set(job.id, progress);
    else this.#running.delete(job.id);
    return hasEnded(job.state) ? progress : undefined;
  }
}

import type { Job } from '@slipway/client';

export interface Part {
  readonly what: 'wait' | 'build' | 'push';
  /** Milliseconds since the job was submitted. */
  readonly from: number;
  readonly to: number;
}

interface AttemptBars {
  readonly number: number;
  readonly parts: readonly Part[];
}

export interface Timeline {
  readonly attempts: readonly AttemptBars[];
  /** Milliseconds from the submission to the end, or to now. */
  readonly total: number;
}

interface TimelineOptions {
  readonly job: Pick<Job, 'created_at' | 'finished_at' | 'attempts'>;
  readonly now: number;
  /** Seconds that an attempt took to export and push its image, if the log has them. */
  readonly exportSeconds: (attempt: number) => number | undefined;
}

/** Returns the timeline of a job. A wait lies between the attempt before, or the submission, and the attempt. */
export function timelineOf({ job, now, exportSeconds }: TimelineOptions): Timeline {
  const begin = Date.parse(job.created_at);
  const since = (at: string | undefined) => Math.max((at === undefined ? now : Date.parse(at)) - begin, 0);
  const attempts = job.attempts.map(({ number, started_at, finished_at, wait_ms }): AttemptBars => {
    const [from, to] = [since(started_at), since(finished_at)];
    const pushed = finished_at === undefined ? 0 : Math.min((exportSeconds(number) ?? 0) * 1_000, to - from);
    const parts: Part[] = [
      { what: 'wait', from: Math.max(from - wait_ms, 0), to: from },
      { what: 'build', from, to: to - pushed },
      { what: 'push', from: to - pushed, to },
    ];
    return { number, parts: parts.filter((part) => part.to > part.from) };
  });
  return { attempts, total: Math.max(since(job.finished_at), 1) };
}

import type { Job, JobState } from '@slipway/client';
import { count, formatDuration } from '@slipway/shared/formatting';
import type { Screen } from '../terminal/terminal.js';

const styles = {
  queued: 'dim',
  running: 'cyan',
  succeeded: 'green',
  failed: 'red',
  canceled: 'yellow',
} as const satisfies Record<JobState, string>;

export const styledState = (screen: Screen, state: JobState): string => screen.style(styles[state], state);

/** Returns `reference@sha256:…` of the built image, without the digest when nothing was pushed. */
export function builtImage({ result, image }: Job): string {
  return result?.digest === undefined ? image : `${image}@${result.digest}`;
}

/** Returns milliseconds from the start of the first attempt to the end, or to `now`; undefined before the start. */
export function workMs(job: Job, now: number): number | undefined {
  if (job.started_at === undefined) return undefined;
  return (job.finished_at === undefined ? now : Date.parse(job.finished_at)) - Date.parse(job.started_at);
}

/** Formats the result of a job in one line. */
export function outcomeLine(job: Job): string {
  const took = workMs(job, Date.now());
  const attempts = job.attempts.length === 1 ? '' : `, ${count(job.attempts.length, 'attempt')}`;
  const time = took === undefined ? '' : ` in ${formatDuration(took)}${attempts}`;
  switch (job.state) {
    case 'succeeded':
      return `succeeded${time}${job.cancel_requested ? ', before the cancel took effect' : ''}`;
    case 'failed':
    case 'canceled':
      return `${job.state}${time}${reason(job)}`;
    case 'queued':
    case 'running':
      return job.cancel_requested ? `${job.state}, being canceled` : job.state;
  }
}

/** Formats the reason, except for a cancel: the user knows why. */
function reason({ error }: Job): string {
  return error === undefined || error.code === 'canceled' ? '' : `: ${error.code}: ${error.detail}`;
}

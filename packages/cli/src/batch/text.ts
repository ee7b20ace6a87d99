import type { Batch, BatchJobEvent } from '@slipway/client';
import { count, formatDuration } from '@slipway/shared/formatting';
import type { Screen } from '../terminal/terminal.js';
import { shown } from '../terminal/text.js';
import type { BatchProgress, JobProgress } from './progress.js';

type Counts = BatchProgress['counts'];

/** Formats counts: `34 of 60 done: 32 succeeded, 2 failed; 4 running, 22 waiting`. */
export function countsText(screen: Screen, counts: Counts): string {
  const { total, queued, running, succeeded, failed, canceled } = counts;
  const ended = [
    succeeded > 0 && screen.style('green', `${succeeded} succeeded`),
    failed > 0 && screen.style('red', `${failed} failed`),
    canceled > 0 && screen.style('yellow', `${canceled} canceled`),
  ].filter((part) => part !== false);
  const open = [running > 0 && `${running} running`, queued > 0 && `${queued} waiting`].filter(Boolean);
  const parts = [ended.join(', '), open.join(', ')].filter((part) => part !== '');
  return `${total - queued - running} of ${total} done${parts.length > 0 ? ': ' : ''}${parts.join('; ')}`;
}

/** Formats the remaining time, as estimated by the server. */
export function leftText(batch: Batch | undefined, now: number): string {
  if (batch?.estimated_end_at === undefined) return '';
  const left = Date.parse(batch.estimated_end_at) - now;
  return left < 1_000 ? '' : `, about ${formatDuration(left)} left`;
}

/** Formats the result of a job in one line, its state first. */
export function endText({ event, startedAt }: JobProgress): string {
  const took = startedAt === undefined ? '' : ` in ${formatDuration(Date.parse(event.at) - startedAt)}`;
  if (event.state === 'succeeded') return event.cached ? 'unchanged' : `succeeded${took}`;
  return `${event.state}${took}${reason(event)}`;
}

/** Formats the reason, except for a cancel: the user knows why. */
const reason = ({ code, detail }: BatchJobEvent): string =>
  code === undefined || code === 'canceled' ? '' : `: ${code}${detail ? `: ${shown(detail)}` : ''}`;

/** Formats a finished batch in one line. */
export function batchLine(batch: Batch): string {
  const { succeeded, failed, canceled } = batch.counts;
  const took =
    batch.finished_at === undefined
      ? ''
      : ` in ${formatDuration(Date.parse(batch.finished_at) - Date.parse(batch.created_at))}`;
  if (succeeded === batch.total) return `${count(batch.total, 'function')} succeeded${took}`;
  const parts = [
    succeeded > 0 && `${succeeded} succeeded`,
    failed > 0 && `${failed} failed`,
    canceled > 0 && `${canceled} canceled`,
  ].filter((part) => part !== false);
  return `${parts.join(', ')} of ${batch.total}${took}`;
}

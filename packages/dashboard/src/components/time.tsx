import { formatDuration, relativeTime } from '@slipway/shared/formatting';
import { useNow } from './use-now.js';

/** Formats date and time in the reader's own time zone and locale. */
const absoluteTime = (at: number) =>
  new Date(at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/** A time relative to now, with date and time on hover. `at`: RFC 3339. */
export function Time({ at }: { at: string }) {
  const now = useNow();
  const moment = Date.parse(at);
  return (
    <time dateTime={at} title={absoluteTime(moment)}>
      {relativeTime(moment, now)}
    </time>
  );
}

/** The duration between two times (RFC 3339), or until now while `to` is undefined. */
export function Elapsed({ from, to }: { from: string; to: string | undefined }) {
  const now = useNow();
  return (
    <span className="numbers">
      {formatDuration((to === undefined ? now : Date.parse(to)) - Date.parse(from))}
    </span>
  );
}
